"""Which records each step trains on: a pure function of the seed, the lengths and the sizes.

A resumed run asks for the same plan and skips the steps that are done, so data order continues
exactly. Knows lengths and indices only, never tokens.
"""

import random
from collections.abc import Hashable, Sequence
from itertools import islice

# Records of like length share a batch, so that little is padding. Only so many batches are sorted
# together: their order, and which records meet, stay random.
WINDOW_BATCHES = 4


class BatchPlan(Sequence[list[int]]):
    """Item k is the list of record indices of step k (from 0).

    Every epoch visits each record once, in its own order; its last batch may be short.
    `max_steps` cuts the plan or, with more epochs, extends it. Records of several `kinds` (one a
    record) are spread evenly: a kind with as many records as there are batches is in every one.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        batch_size: int,
        n_epochs: int,
        max_steps: int | None,
        seed: int,
        kinds: Sequence[Hashable] | None = None,
    ) -> None:
        self._lengths = lengths
        self._kinds = kinds or [None] * len(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._steps_per_epoch = -(-len(lengths) // batch_size)
        self._steps = max_steps or n_epochs * self._steps_per_epoch
        self._epoch = (-1, list[list[int]]())

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> list[int]:  # type: ignore[override]  # no slices needed
        if not 0 <= step < self._steps:
            raise IndexError(step)
        number, offset = divmod(step, self._steps_per_epoch)
        if self._epoch[0] != number:
            self._epoch = (number, self._batches(number))
        return self._epoch[1][offset]

    def _batches(self, epoch: int) -> list[list[int]]:
        rng = random.Random(f"{self._seed}/{epoch}")  # noqa: S311 - a shuffle, not a secret
        dealt = self._dealt(rng.sample(range(len(self._lengths)), len(self._lengths)))
        batches = []
        for start in range(0, len(dealt), WINDOW_BATCHES):
            window = dealt[start : start + WINDOW_BATCHES]
            groups = self._by_kind([index for batch in window for index in batch])
            ordered = {
                kind: iter(sorted(group, key=self._lengths.__getitem__))
                for kind, group in groups.items()
            }
            # Each batch keeps its number of each kind, and takes the next longer ones.
            for batch in window:
                members = self._by_kind(batch)
                batches.append(
                    _spread([list(islice(ordered[kind], len(members[kind]))) for kind in members])
                )
        rng.shuffle(batches)
        return batches

    def _dealt(self, order: list[int]) -> list[list[int]]:
        """`order` cut into batches, the kinds spread over them."""
        size = self._batch_size
        if len(self._by_kind(order)) == 1:
            return [order[start : start + size] for start in range(0, len(order), size)]
        groups = list(self._by_kind(order).values())
        room = [min(size, len(order) - start) for start in range(0, len(order), size)]
        batches: list[list[int]] = [[] for _ in room]
        for group in groups:
            if len(group) >= len(batches):
                for batch, most in zip(batches, room, strict=True):
                    if len(batch) < most:
                        batch.append(group.pop())
        others = iter(_spread(groups))
        for batch, most in zip(batches, room, strict=True):
            batch += islice(others, most - len(batch))
        return batches

    def _by_kind(self, indices: list[int]) -> dict[Hashable, list[int]]:
        groups: dict[Hashable, list[int]] = {}
        for index in indices:
            groups.setdefault(self._kinds[index], []).append(index)
        return groups


def _spread(groups: Sequence[Sequence[int]]) -> list[int]:
    """The members of all groups in one list, each group evenly over the whole of it."""
    placed = [
        ((place + 0.5) / len(group), number, member)
        for number, group in enumerate(groups)
        for place, member in enumerate(group)
    ]
    return [member for _, _, member in sorted(placed)]


def split_by_tokens(indices: list[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Cuts a step's records into parts of at most `budget` padded tokens (or of one record)."""
    parts: list[list[int]] = []
    for index in sorted(indices, key=lengths.__getitem__, reverse=True):
        # Sorted by length, so a part's padded width is the length of its first record.
        if parts and lengths[parts[-1][0]] * (len(parts[-1]) + 1) <= budget:
            parts[-1].append(index)
        else:
            parts.append([index])
    return parts
