"""Which records each step trains on: a pure function of the seed, the lengths and the sizes.

A resumed run asks for the same plan and skips the steps that are done, so data order continues
exactly. Knows lengths and indices only, never tokens.
"""

import random
from collections.abc import Sequence
from itertools import islice

# Records of like length share a batch, so that little is padding. Only so many batches are sorted
# together: their order, and which records meet, stay random.
WINDOW_BATCHES = 4


class BatchPlan(Sequence[list[int]]):
    """Item k is the list of record indices of step k (from 0).

    Every epoch visits each record once, in its own order; its last batch may be short.
    `max_steps` cuts the plan or, with more epochs, extends it.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        batch_size: int,
        n_epochs: int,
        max_steps: int | None,
        seed: int,
    ) -> None:
        self._lengths = lengths
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
        order = iter(rng.sample(range(len(self._lengths)), len(self._lengths)))
        batches = []
        while window := list(islice(order, WINDOW_BATCHES * self._batch_size)):
            window.sort(key=self._lengths.__getitem__)
            batches += [
                window[start : start + self._batch_size]
                for start in range(0, len(window), self._batch_size)
            ]
        rng.shuffle(batches)
        return batches


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
