"""Our losses beside trl's on the same tiny model and batch. Run by the ML environment's Python.

`python tests/unit/worker/oracles.py MODEL_DIR` prints a JSON object: name → [ours, theirs].
"""

import json
import sys
import tempfile
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.tokens import Judged, Pair, Record
from argosy.trainer.worker.failures import failure_of
from argosy.trainer.worker.models import load_base, load_scoring_base
from argosy.trainer.worker.objectives.answers import answer_lengths, answer_logprobs
from argosy.trainer.worker.objectives.dpo import DpoObjective
from argosy.trainer.worker.objectives.kto import KtoObjective
from argosy.trainer.worker.objectives.orpo import OrpoObjective
from argosy.trainer.worker.objectives.references import References
from argosy.trainer.worker.objectives.reward import RewardObjective
from argosy.trainer.worker.objectives.start import Start
from argosy.trainer.worker.objectives.supervised import SupervisedObjective
from argosy.trainer.worker.step_trainer import Objective
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer
from trl.experimental.orpo import ORPOTrainer

BETA = 0.3
NLL = 0.7
LARGE, SMALL = 10_000, 40
PROMPTS = [[5, 6, 7], [8, 9], [10, 11, 12, 13]]
CHOSEN = [[20, 21, 2], [22, 23, 24, 25, 2], [26, 2]]
REJECTED = [[30, 2], [31, 32, 2], [33, 34, 35, 36, 37, 2]]


def record(line: int, prompt: list[int], answer: list[int]) -> Record:
    trained = bytearray(len(prompt)) + bytearray(b"\x01" * len(answer))
    return Record(line, array("i", prompt + answer), trained)


PAIRS = [
    Pair(line, record(line, prompt, chosen), record(line, prompt, rejected))
    for line, (prompt, chosen, rejected) in enumerate(zip(PROMPTS, CHOSEN, REJECTED, strict=True))
]


def lora(model: Any) -> Any:
    torch.manual_seed(1)
    config = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    return get_peft_model(model, config)


def moved(model: Any) -> Any:
    """Away from its start, in the trained adapter only."""
    torch.manual_seed(2)
    for name, parameter in model.named_parameters():
        if "lora_" in name and ".ref." not in name:
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model


def ours(objective: Objective[Any], model: Any, records: list[Any]) -> float:
    """The mean over a step, as the loop takes it."""
    parts: list[Batch] = objective.prepare(model, objective.parts(records), 1)
    total = sum(objective.loss(model, part)[0] for part in parts)
    return float(total) / sum(part["units"] for part in parts)


def options(kind: Any, folder: str, **more: Any) -> Any:
    more |= {} if kind is RewardConfig else {"beta": BETA}
    return kind(
        output_dir=folder, use_cpu=True, report_to="none", bf16=False, gradient_checkpointing=False,
        per_device_train_batch_size=len(PAIRS), max_length=None, **more,
    )  # fmt: skip


def rows(**columns: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def any_data(**columns: Any) -> Dataset:
    """What their trainers want to be made with; the loss is of other rows."""
    return Dataset.from_dict({name: [value] * 2 for name, value in columns.items()})


def dpo_trainer(weights: Path, words: Any, folder: str, **more: Any) -> Any:
    return DPOTrainer(
        lora(load_base(weights, torch.float32)), args=options(DPOConfig, folder, **more),
        train_dataset=any_data(prompt="p", chosen="c", rejected="r"), processing_class=words,
    )  # fmt: skip


def dpo(weights: Path, words: Any, folder: str) -> list[float]:
    trainer = dpo_trainer(weights, words, folder)
    model = lora(load_base(weights, torch.float32))
    objective = DpoObjective(SMALL, BETA, References(Start(model)))
    batch = trainer.data_collator(
        rows(prompt_ids=PROMPTS, chosen_ids=CHOSEN, rejected_ids=REJECTED)
    )
    theirs = trainer.compute_loss(moved(trainer.model), batch)
    return [ours(objective, moved(model), PAIRS), float(theirs)]


def dpo_nll(weights: Path, words: Any, folder: str) -> list[float]:
    """Their likelihood is the mean of a batch's tokens and ours of each answer's: over batches of
    one pair they agree."""
    trainer = dpo_trainer(
        weights, words, folder, loss_type=["sigmoid", "sft"], loss_weights=[1.0, NLL]
    )
    model = lora(load_base(weights, torch.float32))
    objective = DpoObjective(SMALL, BETA, References(Start(model)), nll_coefficient=NLL)
    moved(trainer.model)
    theirs = [
        float(trainer.compute_loss(trainer.model, trainer.data_collator([row])))
        for row in rows(prompt_ids=PROMPTS, chosen_ids=CHOSEN, rejected_ids=REJECTED)
    ]
    return [ours(objective, moved(model), PAIRS), sum(theirs) / len(theirs)]


def kto(weights: Path, words: Any, folder: str) -> list[float]:
    trainer = KTOTrainer(
        lora(load_base(weights, torch.float32)), args=options(KTOConfig, folder),
        train_dataset=any_data(prompt="p", completion="c", label=True), processing_class=words,
    )  # fmt: skip
    model = lora(load_base(weights, torch.float32))
    objective = KtoObjective(LARGE, BETA, References(Start(model)), good=1, bad=1)
    answers = [CHOSEN[0], REJECTED[1]]
    # Of two records, the next one and the one before are the same: the KL's pairs agree.
    batch = trainer.data_collator(
        rows(
            prompt_ids=PROMPTS[:2], completion_ids=answers, KL_completion_ids=answers[::-1],
            label=[True, False],
        )
    )  # fmt: skip
    theirs = trainer.compute_loss(moved(trainer.model), batch)
    records = [Judged(0, PAIRS[0].chosen, True), Judged(1, PAIRS[1].rejected, False)]
    return [ours(objective, moved(model), records), float(theirs)]


def reward(weights: Path, words: Any, folder: str) -> list[float]:
    torch.manual_seed(3)
    model = load_scoring_base(weights, torch.float32, words.pad_token_id)
    trainer = RewardTrainer(
        model, args=options(RewardConfig, folder), processing_class=words,
        train_dataset=any_data(chosen="c", rejected="r"),
    )  # fmt: skip
    batch = trainer.data_collator(
        rows(
            chosen_ids=[[*p, *a] for p, a in zip(PROMPTS, CHOSEN, strict=True)],
            rejected_ids=[[*p, *a] for p, a in zip(PROMPTS, REJECTED, strict=True)],
        )
    )
    theirs = trainer.compute_loss(trainer.model, batch)
    return [ours(RewardObjective(SMALL, words.pad_token_id), model, PAIRS), float(theirs)]


def orpo(weights: Path, _words: Any, _folder: str) -> list[float]:
    """Their trainer tokenizes for itself; its odds ratio is what is compared."""
    model = moved(lora(load_base(weights, torch.float32)))
    objective = OrpoObjective(LARGE, BETA)
    [part] = objective.parts(PAIRS)
    means = (answer_logprobs(model, part) / answer_lengths(part)).detach()
    trainer: Any = SimpleNamespace(beta=BETA, accelerator=SimpleNamespace(device="cpu"))
    odds = ORPOTrainer.odds_ratio_loss(trainer, *means.chunk(2))[0]
    theirs = -means.chunk(2)[0].mean() - odds.mean()
    return [ours(objective, model, PAIRS), float(theirs)]


def however_cut(weights: Path) -> dict[str, list[float]]:
    """A step's loss at once and in parts of a record or two."""
    model = moved(lora(load_base(weights, torch.float32)))
    answers = [pair.chosen for pair in PAIRS]
    return {
        "supervised, however cut": [
            ours(SupervisedObjective(budget), model, answers) for budget in (LARGE, 8)
        ],
        "orpo, however cut": [
            ours(OrpoObjective(budget, BETA), model, PAIRS) for budget in (LARGE, 8)
        ],
    }


def memory_failure() -> str:
    """What the real allocator says when memory is gone."""
    try:
        torch.empty(1 << 60, dtype=torch.uint8)
    except RuntimeError as error:
        return str(failure_of(error).reason)
    return "nothing"


def main(weights: Path) -> None:
    words = AutoTokenizer.from_pretrained(weights)
    with tempfile.TemporaryDirectory() as folder:
        compared = {
            each.__name__: each(weights, words, folder)
            for each in (dpo, dpo_nll, kto, reward, orpo)
        }
    result = {"compared": compared | however_cut(weights), "memory": memory_failure()}
    print(json.dumps(result), file=sys.__stdout__)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
