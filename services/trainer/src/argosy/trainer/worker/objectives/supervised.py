"""Cross-entropy on answer tokens only (of texts: on every token)."""

from collections.abc import Sequence
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch, cut, pad
from argosy.trainer.worker.data.tokens import IGNORED, Record
from argosy.trainer.worker.objectives.answers import answer_logits, token_losses
from argosy.trainer.worker.score import Score


class SupervisedObjective:
    """A unit is an answer token."""

    def __init__(self, budget: int) -> None:
        self._budget = budget

    def parts(self, records: Sequence[Record]) -> list[Batch]:
        parts = [pad(group) for group in cut(records, self._budget)]
        return [part | {"units": int((part["labels"][:, 1:] != IGNORED).sum())} for part in parts]

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        return parts

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        logits, targets = answer_logits(model, part)
        loss = token_losses(logits, targets).sum()
        return loss, self.score(loss, logits, targets, part)

    def score(
        self, loss: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor, part: Batch
    ) -> Score:
        with torch.no_grad():
            correct = ((logits.argmax(dim=-1) == targets) & (targets != IGNORED)).sum()
        score = Score(loss=loss.item(), units=part["units"], tokens=part["tokens"])
        score.note("mean_token_accuracy", correct.item(), part["units"])
        return score
