"""The reward model: a scalar for each answer, higher for the better one of a pair.

Bradley and Terry's model of comparisons, as in Ouyang et al. (2022), eq. 1.
"""

from collections.abc import Sequence
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.tokens import Pair
from argosy.trainer.worker.objectives.pairs import note_rewards, pair_parts
from argosy.trainer.worker.score import Score
from torch.nn.functional import logsigmoid


class RewardObjective:
    """A unit is a pair. The model scores the last token that is not `filler`."""

    def __init__(self, budget: int, filler: int) -> None:
        self._budget = budget
        self._filler = filler

    def parts(self, records: Sequence[Pair]) -> list[Batch]:
        return pair_parts(records, self._budget, self._filler)

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        return parts

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        chosen, rejected = rewards(model, part["input_ids"], self._filler).chunk(2)
        loss = -logsigmoid(chosen - rejected).sum()
        score = Score(loss=loss.item(), units=part["units"], tokens=part["tokens"])
        note_rewards(score, chosen, rejected)
        return loss, score


def rewards(model: Any, input_ids: torch.Tensor, filler: int) -> torch.Tensor:
    """(rows,) scores of the conversations in `input_ids`, padded on the right with `filler`."""
    scores: torch.Tensor = model(input_ids=input_ids, use_cache=False).logits
    return scores[:, 0].float()
