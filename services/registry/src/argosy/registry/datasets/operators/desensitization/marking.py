"""What operators share that put marks in the place of private things.

They look at every string of a record, also at what tools were called with and at what a grader
reads: what is private must leave no trace. A record is never dropped for it.
"""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.policy import DESENSITIZATION
from argosy.registry.datasets.operators.texts import Record, rewritten_everywhere


class Marking:
    """An operator that replaces parts of strings."""

    STAGE: ClassVar[str] = DESENSITIZATION

    def __call__(self, record: Record) -> Record | None:
        """Return the record with marks."""
        new: Record = rewritten_everywhere(record, self.rewrite)
        return record if new == record else new

    def rewrite(self, text: str) -> str:
        """Return the text with marks."""
        raise NotImplementedError
