"""What an operator is: it takes a record and gives it back, changed or not, or drops it.

Adding one: a file with a class that has `STAGE`, `NAME`, keyword parameters with defaults and
`__call__`; a line in `catalogue.py`; a test on records with exact counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from argosy.registry.datasets.operators.texts import Record, rewritten, texts, whole_text

# In the order in which they run.
CLEAN: Final = "clean"
FILTER: Final = "filter"
DEDUPLICATION: Final = "deduplication"
DESENSITIZATION: Final = "desensitization"
STAGES: Final = (CLEAN, FILTER, DEDUPLICATION, DESENSITIZATION)


class Operator(Protocol):
    """One step of cleaning. An object sees the records of one run and may remember them."""

    NAME: ClassVar[str]
    STAGE: ClassVar[str]

    def __call__(self, record: Record) -> Record | None:
        """Return the record, or None to drop it. The given one is not changed."""
        ...


class Rewriting:
    """An operator that rewrites each text; a record that loses all of a text is dropped."""

    STAGE: ClassVar[str] = CLEAN

    def __call__(self, record: Record) -> Record | None:
        """Return the record with its texts rewritten."""
        new = rewritten(record, self.rewrite)
        if new == record:
            return record
        pairs = zip(texts(record), texts(new), strict=True)
        emptied = any(was.strip() and not now.strip() for was, now in pairs)
        return None if emptied else new

    def rewrite(self, text: str) -> str:
        """Return the text without what it should not have."""
        raise NotImplementedError


class Filtering:
    """An operator that drops records by a number of their whole text."""

    STAGE: ClassVar[str] = FILTER

    def __call__(self, record: Record) -> Record | None:
        """Return the record if its text passes."""
        return record if self.passes(whole_text(record)) else None

    def passes(self, text: str) -> bool:
        """Tell whether a record of this text stays."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as a form shows it."""

    name: str
    default: Any
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Description:
    """An operator as the catalogue lists it."""

    name: str
    stage: str
    text: str
    parameters: tuple[Parameter, ...]
    build: type[Any]

    def make(self, arguments: Mapping[str, Any]) -> Operator:
        """Return the operator with these arguments; raises RuleBroken for a value out of range."""
        operator: Operator = self.build(**arguments)
        return operator
