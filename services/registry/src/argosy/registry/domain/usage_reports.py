"""What a usage report may ask for, and what it answers. Knows words and sums, no storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Generic, NamedTuple, TypeVar

from argosy.registry.domain.usage_windows import Span

R = TypeVar("R")


class Kind(StrEnum):
    """Whose usage a report shows. OTHER is what nothing here makes use of yet."""

    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    FILE_SEARCHES = "file_searches"
    OTHER = "other"


OPERATIONS: Final = {
    Kind.COMPLETIONS: ("chat", "completion", "reward"),
    Kind.EMBEDDINGS: ("embedding",),
    Kind.FILE_SEARCHES: ("file_search",),
    Kind.OTHER: (),
}


class Field(StrEnum):
    """What results may be told apart by; the values are the ledger's columns."""

    PROJECT = "project_id"
    USER = "user_id"
    KEY = "key_id"
    MODEL = "model"
    BATCH = "batch"
    LINE_ITEM = "line_item"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which uses count; an empty list lets everything through."""

    project_ids: Sequence[str] = ()
    user_ids: Sequence[str] = ()
    key_ids: Sequence[str] = ()
    models: Sequence[str] = ()
    batch: bool | None = None
    line_items: Sequence[str] = ()


# A result's value of each field that the report groups by.
Group = dict[Field, str | bool]


# Of results there are thousands in a report: tuples are made in a quarter of a dataclass's time.
class Used(NamedTuple):
    """Sums of a bucket. `cached_input_tokens` are part of `input_tokens`."""

    bucket: int
    group: Group
    requests: int
    estimated_requests: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int


class Cost(NamedTuple):
    """Money of a bucket, in millionths; `unit` is empty where several units are summed."""

    bucket: int
    group: Group
    micros: int
    quantity: float
    unit: str


@dataclass(frozen=True, slots=True)
class Bucket(Generic[R]):
    """A bucket's results, of which there may be none."""

    span: Span
    results: list[R] = field(default_factory=list)
