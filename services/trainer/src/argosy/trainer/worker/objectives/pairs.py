"""Batches of pairs, and what is worth knowing of a pair's rewards."""

from collections.abc import Sequence

import torch
from argosy.trainer.worker.batches import Batch, cut, pad
from argosy.trainer.worker.data.tokens import Pair
from argosy.trainer.worker.score import Score


def pair_parts(records: Sequence[Pair], budget: int, filler: int = 0) -> list[Batch]:
    """The better answers of a part, then its worse ones. `keys` name the rows."""
    parts = []
    for group in cut(records, budget, sequences=2):
        answers = [pair.chosen for pair in group] + [pair.rejected for pair in group]
        keys = [bytes(answer.ids) + bytes(answer.trained) for answer in answers]
        parts.append(pad(answers, filler) | {"units": len(group), "keys": keys})
    return parts


def note_rewards(score: Score, chosen: torch.Tensor, rejected: torch.Tensor) -> None:
    """(pairs,) rewards of both sides."""
    pairs = len(chosen)
    with torch.no_grad():
        score.note("reward_chosen", chosen.sum().item(), pairs)
        score.note("reward_rejected", rejected.sum().item(), pairs)
        score.note("margin", (chosen - rejected).sum().item(), pairs)
        score.note("accuracy", (chosen > rejected).sum().item(), pairs)
