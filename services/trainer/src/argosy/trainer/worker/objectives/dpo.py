"""DPO: the better answer shall gain more over the start than the worse one.

Rafailov et al., "Direct Preference Optimization" (2023), eq. 7.
"""

from collections.abc import Sequence
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.tokens import Pair
from argosy.trainer.worker.objectives.answers import answer_logprobs
from argosy.trainer.worker.objectives.pairs import note_rewards, pair_parts
from argosy.trainer.worker.objectives.references import References
from argosy.trainer.worker.score import Score
from torch.nn.functional import logsigmoid


class DpoObjective:
    """A unit is a pair; the first half of a part's rows are the better answers."""

    def __init__(self, budget: int, beta: float, references: References) -> None:
        self._budget = budget
        self._beta = beta
        self._references = references

    def parts(self, records: Sequence[Pair]) -> list[Batch]:
        return pair_parts(records, self._budget)

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        for part in parts:
            part["references"] = self._references.of(model, part, part["keys"])
        return parts

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        gains = answer_logprobs(model, part) - part["references"]
        chosen, rejected = gains.chunk(2)
        loss = -logsigmoid(self._beta * (chosen - rejected)).sum()
        score = Score(loss=loss.item(), units=part["units"], tokens=part["tokens"])
        note_rewards(score, self._beta * chosen, self._beta * rejected)
        return loss, score
