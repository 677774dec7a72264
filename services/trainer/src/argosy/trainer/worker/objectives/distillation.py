"""Distillation from a teacher at hand: its whole distribution is learnt, not only its answers.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015): `share` of the loss
is KL(teacher || student) at a temperature, the rest is cross-entropy on the answers.
"""

from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.tokens import IGNORED
from argosy.trainer.worker.objectives.answers import answer_logits, token_losses
from argosy.trainer.worker.objectives.supervised import SupervisedObjective
from argosy.trainer.worker.score import Score
from torch.nn.functional import kl_div, log_softmax


class DistillationObjective(SupervisedObjective):
    """A unit is an answer token. Teacher and student share their vocabulary."""

    def __init__(self, budget: int, teacher: Any, temperature: float, share: float) -> None:
        super().__init__(budget)
        self._teacher = teacher
        self._temperature = temperature
        self._share = share

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        logits, targets = answer_logits(model, part)
        with torch.no_grad():
            taught, _ = answer_logits(self._teacher, part)
        counted = targets != IGNORED
        student, teacher = (
            log_softmax(each[counted] / self._temperature, dim=-1) for each in (logits, taught)
        )
        # The temperature shrinks gradients by its square.
        distance = kl_div(student, teacher, reduction="sum", log_target=True)
        distance = distance * self._temperature**2
        entropy = token_losses(logits, targets).sum()
        loss = self._share * distance + (1 - self._share) * entropy
        score = self.score(loss, logits, targets, part)
        score.note("teacher_kl", distance.item(), part["units"])
        score.note("cross_entropy", entropy.item(), part["units"])
        return loss, score
