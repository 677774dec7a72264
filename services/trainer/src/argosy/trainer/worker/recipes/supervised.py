"""Supervised tuning by LoRA: read the data, wrap the base, train, keep checkpoints.

One recipe from top to bottom, on trl and peft. It knows the spec, the run's checkpoints and the
voice to report with; who asked for the run and where the adapter goes is not its concern.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from argosy.trainer.worker.answer_trainer import AnswerTrainer, Score, Steps, answer_loss
from argosy.trainer.worker.checkpoints import Checkpoints
from argosy.trainer.worker.conversations import read_conversations
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.schedule import BatchPlan
from argosy.trainer.worker.spec import Spec
from argosy.trainer.worker.stopping import StopSignal
from argosy.trainer.worker.tokens import Corpus, Tokenization
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed
from transformers.trainer_callback import PrinterCallback
from trl import SFTConfig

# The learning rate climbs over this share of the steps, then falls along a cosine to zero.
WARMUP_SHARE = 0.1
MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Hardware:
    """What the run may use; `token_budget` is the most padded tokens in one forward pass."""

    device: torch.device
    dtype: torch.dtype
    token_budget: int

    @classmethod
    def of_this_machine(cls) -> "Hardware":
        if torch.cuda.is_available():
            return cls(torch.device("cuda", 0), torch.bfloat16, token_budget=16_384)
        # On CPUs without matrix units bf16 is slower than fp32 (measured).
        return cls(torch.device("cpu"), torch.float32, token_budget=4_096)


def train(
    spec: Spec, resumed_from: int, checkpoints: Checkpoints, progress: Progress, stop: StopSignal
) -> None:
    """`resumed_from` is the step of `spec.resume_from`, already verified, or 0.

    Raises Failure or Stopped; what any other exception means is `failures`' business.
    """
    checkpoints.prepare()
    set_seed(spec.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    hardware = Hardware.of_this_machine()

    tokenizer = AutoTokenizer.from_pretrained(spec.weights_path)
    tokenization = Tokenization(tokenizer, spec.max_seq_length)
    corpus = tokenization.corpus(
        read_conversations(spec.training_sources()[0].path), "training file"
    )
    validation = None
    if spec.validation_file:
        validation = tokenization.corpus(
            read_conversations(spec.validation_file), "validation file"
        )
    plan = BatchPlan(
        corpus.lengths(),
        batch_size=spec.batch_size,
        n_epochs=spec.n_epochs,
        max_steps=spec.max_steps,
        seed=spec.seed,
    )
    steps = Steps(corpus, plan, hardware.token_budget)

    trainer = AnswerTrainer(
        model=_base_model(spec, hardware),
        args=_arguments(spec, hardware, checkpoints.aside, len(plan)),
        train_dataset=steps.numbers(),
        data_collator=steps.collate,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            task_type="CAUSAL_LM",
            r=spec.lora_rank,
            lora_alpha=2 * spec.lora_rank,
            lora_dropout=0.0,
            bias="none",
            target_modules="all-linear",
        ),
    )
    # It does not change, so checkpoints need not carry it.
    trainer.processing_class = None
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(
        Reporter(
            trainer,
            checkpoints,
            progress,
            stop,
            every=spec.checkpoint_every_steps,
            validation=_validation_steps(validation, spec.batch_size, hardware),
        )
    )
    progress.emit(
        "started",
        total_steps=len(plan),
        records=len(corpus.records),
        truncated_records=corpus.truncated,
        dropped_records=corpus.dropped,
        resumed_from=resumed_from,
    )
    stop.defer()
    if resumed_from < len(plan):
        resume = str(spec.resume_from) if spec.resume_from else None
        trainer.train(resume_from_checkpoint=resume)
    progress.emit("finished", step=len(plan), path=str(checkpoints.path(len(plan))))


def _base_model(spec: Spec, hardware: Hardware) -> Any:
    base = AutoModelForCausalLM.from_pretrained(spec.weights_path, dtype=hardware.dtype)
    # peft writes this name into every adapter: the model's, not a path of this machine.
    base.name_or_path = base.config._name_or_path = spec.weights_path.name
    return base


def _arguments(spec: Spec, hardware: Hardware, aside: Path, total_steps: int) -> SFTConfig:
    on_gpu = hardware.device.type == "cuda"
    return SFTConfig(
        output_dir=str(aside),
        # A row of the data set is a step.
        per_device_train_batch_size=1,
        max_steps=total_steps,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        learning_rate=spec.learning_rate,
        # As "cosine", but neither the first step nor the last is lost at a rate of zero.
        lr_scheduler_type="cosine_warmup_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.02},
        warmup_steps=max(1, round(WARMUP_SHARE * total_steps)),
        weight_decay=0.0,
        max_grad_norm=MAX_GRADIENT_NORM,
        seed=spec.seed,
        use_cpu=not on_gpu,
        bf16=on_gpu,
        # Trades time for memory that only large models on GPUs lack.
        gradient_checkpointing=on_gpu,
        dataloader_pin_memory=on_gpu,
        logging_steps=1,
        # The reporter asks for a checkpoint when one is due.
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def _validation_steps(corpus: Corpus | None, batch_size: int, hardware: Hardware) -> Steps | None:
    if corpus is None:
        return None
    indices = range(len(corpus.records))
    plan = [list(indices[start : start + batch_size]) for start in indices[::batch_size]]
    return Steps(corpus, plan, hardware.token_budget)


class Reporter(TrainerCallback):
    """Watches the loop: reports steps, validates and publishes checkpoints, stops on request."""

    def __init__(
        self,
        trainer: AnswerTrainer,
        checkpoints: Checkpoints,
        progress: Progress,
        stop: StopSignal,
        *,
        every: int,
        validation: Steps | None,
    ) -> None:
        self._trainer = trainer
        self._checkpoints = checkpoints
        self._progress = progress
        self._stop = stop
        self._every = every
        self._validation = validation
        self._step_began = time.monotonic()

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._step_began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._stop.check()
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Called after each step, before its checkpoint, and once with totals at the end."""
        if "loss" not in logs:
            return
        score = self._trainer.score
        self._progress.emit(
            "step",
            step=state.global_step,
            train_loss=score.mean_loss(),
            train_mean_token_accuracy=score.mean_token_accuracy(),
            learning_rate=logs["learning_rate"],
            grad_norm=logs["grad_norm"],
            tokens=score.tokens,
            tokens_per_second=round(score.tokens / (time.monotonic() - self._step_began), 1),
        )
        if self._validation is not None and control.should_save:
            self._validate(state.global_step, self._validation)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        written = self._checkpoints.aside / f"checkpoint-{state.global_step}"
        path = self._checkpoints.publish(written, state.global_step)
        self._progress.emit("checkpoint", step=state.global_step, path=str(path))

    def _validate(self, step: int, batches: Steps) -> None:
        total = Score()
        model = self._trainer.model
        model.eval()
        with torch.no_grad():
            for index in range(len(batches)):
                for part in batches[index]["parts"]:
                    self._stop.check()
                    _, score = answer_loss(model, self._trainer._prepare_inputs(part))
                    total.loss += score.loss
                    total.correct += score.correct
                    total.answered += score.answered
        self._progress.emit(
            "validation",
            step=step,
            valid_loss=total.mean_loss(),
            valid_mean_token_accuracy=total.mean_token_accuracy(),
        )
