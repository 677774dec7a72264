"""Keeps the first of records whose texts' SimHashes differ in few bits."""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.policy import DEDUPLICATION
from argosy.registry.datasets.operators.ranges import integer
from argosy.registry.datasets.operators.similarity import SimHashIndex, simhash
from argosy.registry.datasets.operators.texts import Record, whole_text


class DeduplicationSimhash:
    """`deduplication_simhash`; 40 bytes a record that stays, at a distance of 4."""

    NAME: ClassVar[str] = "deduplication_simhash"
    STAGE: ClassVar[str] = DEDUPLICATION

    def __init__(self, *, distance: int = 4) -> None:
        self._seen = SimHashIndex(integer(distance, "distance", 0, 10))

    def __call__(self, record: Record) -> Record | None:
        """Return the record if none before it is within the distance."""
        value = simhash(whole_text(record))
        if self._seen.has_near(value):
            return None
        self._seen.add(value)
        return record
