"""KTO: good answers shall gain over the start, bad ones lose, beyond how far the policy moved.

Ethayarajh et al., "KTO: Model Alignment as Prospect Theoretic Optimization" (2024), eq. 8. The
distance moved (`kl`) is estimated, as there, from answers that stand under a foreign prompt: record
i's prompt with the answer of the next record that is of another line.
"""

from array import array
from collections.abc import Sequence
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch, cut, pad
from argosy.trainer.worker.data.tokens import Judged, Record
from argosy.trainer.worker.objectives.answers import answer_logprobs
from argosy.trainer.worker.objectives.references import References
from argosy.trainer.worker.score import Score


class KtoObjective:
    """A unit is a record. The rarer verdict weighs more, so that both sides weigh the same."""

    def __init__(
        self, budget: int, beta: float, references: References, *, good: int, bad: int
    ) -> None:
        self._budget = budget
        self._beta = beta
        self._references = references
        self._good_weight = max(1.0, bad / good) if good and bad else 1.0
        self._bad_weight = max(1.0, good / bad) if good and bad else 1.0

    def parts(self, records: Sequence[Judged]) -> list[Batch]:
        """The foreign answers stand in parts of their own, which have no loss."""
        foreign = [
            _under(record.answer, other.answer)
            for index, record in enumerate(records)
            for other in _foreign(records, index)
        ]
        parts = [
            pad([record.answer for record in group])
            | {
                "units": len(group),
                "keys": [_key(record.answer) for record in group],
                "good": torch.tensor([record.good for record in group]),
            }
            for group in cut(records, self._budget)
        ]
        moved = [
            pad(group) | {"units": 0, "keys": [_key(record) for record in group]}
            for group in cut(foreign, self._budget)
        ]
        return parts + moved

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        moved = [part for part in parts if not part["units"]]
        with torch.no_grad():
            gains = [
                answer_logprobs(model, part) - self._references.of(model, part, part["keys"])
                for part in moved
            ]
            kl = torch.cat(gains).mean().clamp(min=0) if gains else torch.zeros(())
        learnt = [part for part in parts if part["units"]]
        for part in learnt:
            part["references"] = self._references.of(model, part, part["keys"])
            part["kl"] = kl
        return learnt

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        gains = answer_logprobs(model, part) - part["references"]
        good = part["good"]
        distance = torch.where(good, gains - part["kl"], part["kl"] - gains)
        weights = torch.where(good, self._good_weight, self._bad_weight)
        loss = (weights * (1 - torch.sigmoid(self._beta * distance))).sum()
        score = Score(loss=loss.item(), units=part["units"], tokens=part["tokens"])
        rewards = (self._beta * gains).detach()
        score.note("reward_chosen", rewards[good].sum().item(), int(good.sum()))
        score.note("reward_rejected", rewards[~good].sum().item(), int((~good).sum()))
        score.note("kl", part["kl"].item() * part["units"], part["units"])
        return loss, score


def _foreign(records: Sequence[Judged], index: int) -> list[Judged]:
    """The next record that answers another prompt, if there is one."""
    following = [*records[index + 1 :], *records[:index]]
    return [other for other in following if other.line != records[index].line][:1]


def _under(record: Record, other: Record) -> Record:
    """The first one's prompt with the other one's answer."""
    prompt = record.ids[: record.trained.find(1)]
    answer = other.ids[other.trained.find(1) :]
    return Record(
        record.line,
        array("i", [*prompt, *answer]),
        bytearray(len(prompt)) + other.trained[other.trained.find(1) :],
    )


def _key(record: Record) -> bytes:
    return bytes(record.ids) + bytes(record.trained)
