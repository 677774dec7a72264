"""trl's SFTTrainer, told which batches to train on and where answers stand.

Two things differ from the library's trainer. Batches are planned beforehand (`schedule`), so a row
of the data set stands for a whole step, which is read in parts small enough for memory. And logits
are computed only around the answers: prompts are long, the vocabulary is large, and neither counts
in the loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from argosy.trainer.worker.schedule import split_by_tokens
from argosy.trainer.worker.tokens import IGNORED, Corpus, Record
from datasets import Dataset
from torch.nn.functional import cross_entropy
from trl import SFTTrainer

Batch = dict[str, Any]


@dataclass
class Score:
    """Sums over answer tokens; `tokens` counts the non-padding tokens that were read."""

    loss: float = 0.0
    correct: int = 0
    answered: int = 0
    tokens: int = 0

    def mean_loss(self) -> float:
        return self.loss / max(self.answered, 1)

    def mean_token_accuracy(self) -> float:
        return self.correct / max(self.answered, 1)


class Steps:
    """Item k is step k: its records in parts of at most `budget` padded tokens."""

    def __init__(self, corpus: Corpus, plan: Sequence[list[int]], budget: int) -> None:
        self._records = corpus.records
        self._lengths = corpus.lengths()
        self._plan = plan
        self._budget = budget

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, step: int) -> Batch:
        parts = split_by_tokens(self._plan[step], self._lengths, self._budget)
        return {"parts": [pad([self._records[index] for index in part]) for part in parts]}

    def numbers(self) -> Dataset:
        """The data set that the library insists on: one row a step, holding its number."""
        return Dataset.from_dict({"step": list(range(len(self)))})

    def collate(self, rows: list[dict[str, int]]) -> Batch:
        """The step that a row of `numbers` stands for."""
        return self[rows[0]["step"]]


def pad(records: list[Record]) -> Batch:
    """(records, longest) tensors, padded on the right: a causal model never looks there, so no
    attention mask is needed. `tokens` counts what is not padding."""
    width = max(len(record.ids) for record in records)
    input_ids = torch.zeros((len(records), width), dtype=torch.long)
    labels = torch.full((len(records), width), IGNORED, dtype=torch.long)
    for row, record in enumerate(records):
        input_ids[row, : len(record.ids)] = torch.tensor(record.ids)
        labels[row, : len(record.ids)] = torch.tensor(record.labels())
    return {
        "input_ids": input_ids,
        "labels": labels,
        "tokens": sum(len(record.ids) for record in records),
    }


def answer_loss(model: torch.nn.Module, part: Batch) -> tuple[torch.Tensor, Score]:
    """The summed negative log-likelihood of the part's answer tokens (a scalar with gradient)."""
    # Position i predicts token i + 1.
    targets = part["labels"][:, 1:]
    columns = (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
    logits = model(
        input_ids=part["input_ids"], use_cache=False, logits_to_keep=columns
    ).logits.float()
    targets = targets[:, columns]
    loss = cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    counted = targets != IGNORED
    with torch.no_grad():
        correct = ((logits.argmax(dim=-1) == targets) & counted).sum()
    score = Score(
        loss=loss.item(),
        correct=int(correct.item()),
        answered=int(counted.sum().item()),
        tokens=part["tokens"],
    )
    return loss, score


class AnswerTrainer(SFTTrainer):
    """Trains on `Steps.numbers`, which `Steps.collate` fills. `score` is the last step's."""

    # A step's loss is the mean over all its answer tokens, whatever parts it was cut into.
    loss_is_scaled_for_ga = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.score = Score()

    def training_step(self, model: Any, inputs: Batch, num_items_in_batch: Any = None) -> Any:
        self.score = Score()
        parts = inputs["parts"]
        answered = sum(int((part["labels"][:, 1:] != IGNORED).sum()) for part in parts)
        losses = [super(AnswerTrainer, self).training_step(model, part, answered) for part in parts]
        return torch.stack(losses).sum()

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        loss, score = answer_loss(model, inputs)
        self.score.loss += score.loss
        self.score.correct += score.correct
        self.score.answered += score.answered
        self.score.tokens += score.tokens
        return loss / num_items_in_batch

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None is written: the registry holds a model's lineage."""
