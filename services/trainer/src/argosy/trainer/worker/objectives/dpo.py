"""DPO: the better answer shall gain more over the start than the worse one.

Rafailov et al., "Direct Preference Optimization" (2023), eq. 7. Beside it, by a weight, the better
answer's mean cross-entropy: Pang et al., "Iterative Reasoning Preference Optimization" (2024).
"""

from collections.abc import Sequence
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.tokens import Pair
from argosy.trainer.worker.objectives.answers import answer_lengths, answer_logprobs
from argosy.trainer.worker.objectives.pairs import note_rewards, pair_parts
from argosy.trainer.worker.objectives.references import References
from argosy.trainer.worker.score import Score
from torch.nn.functional import logsigmoid


class DpoObjective:
    """A unit is a pair; the first half of a part's rows are the better answers."""

    def __init__(
        self, budget: int, beta: float, references: References, *, nll_coefficient: float = 0.0
    ) -> None:
        self._budget = budget
        self._beta = beta
        self._nll_coefficient = nll_coefficient
        self._references = references

    def parts(self, records: Sequence[Pair]) -> list[Batch]:
        return pair_parts(records, self._budget)

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        for part in parts:
            part["references"] = self._references.of(model, part, part["keys"])
        return parts

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        logprobs = answer_logprobs(model, part)
        chosen, rejected = (logprobs - part["references"]).chunk(2)
        nll = -(logprobs / answer_lengths(part)).chunk(2)[0].sum()
        loss = -logsigmoid(self._beta * (chosen - rejected)).sum() + self._nll_coefficient * nll
        score = Score(loss=loss.item(), units=part["units"], tokens=part["tokens"])
        note_rewards(score, self._beta * chosen, self._beta * rejected)
        score.note("cross_entropy", nll.item(), part["units"])
        return loss, score
