"""ORPO: cross-entropy on the better answer, and odds against the worse one; without a reference.

Hong et al., "ORPO: Monolithic Preference Optimization without Reference Model" (2024), eq. 6 and 7,
where `beta` is called lambda. The cross-entropy counts answer tokens only, as everywhere here.
"""

from collections.abc import Sequence
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.tokens import Pair
from argosy.trainer.worker.objectives.answers import answer_lengths, answer_logprobs
from argosy.trainer.worker.objectives.pairs import note_rewards, pair_parts
from argosy.trainer.worker.score import Score
from torch.nn.functional import logsigmoid


class OrpoObjective:
    """A unit is a pair. Each pair's cross-entropy is its own answer's mean."""

    def __init__(self, budget: int, beta: float) -> None:
        self._budget = budget
        self._beta = beta

    def parts(self, records: Sequence[Pair]) -> list[Batch]:
        return pair_parts(records, self._budget)

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        return parts

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        means = answer_logprobs(model, part) / answer_lengths(part)
        chosen, rejected = means.chunk(2)
        odds = logsigmoid(_log_odds(chosen) - _log_odds(rejected))
        loss = (-chosen - self._beta * odds).sum()
        score = Score(loss=loss.item(), units=part["units"], tokens=part["tokens"])
        note_rewards(score, self._beta * chosen, self._beta * rejected)
        score.note("cross_entropy", -chosen.sum().item(), part["units"])
        return loss, score


def _log_odds(logprobs: torch.Tensor) -> torch.Tensor:
    """log(p / (1 - p)); 1 - p by expm1, since p may be next to 1."""
    return logprobs - torch.log(-torch.expm1(logprobs.clamp(max=-1e-7)))
