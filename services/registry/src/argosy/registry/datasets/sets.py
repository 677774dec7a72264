"""Data sets, versions and records: what they are and what may happen to them.

Knows states and rules. Does not know where they are kept or who asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from argosy.api import records as kinds
from argosy.api.ids import DATASET_RECORD, DATASET_VERSION
from argosy.registry.domain.rules import RuleBroken

PROJECT: Final = "project"
PRESET: Final = "preset"

# OpenAI's limits of metadata.
_MAX_PAIRS: Final = 16
_MAX_KEY: Final = 64
_MAX_VALUE: Final = 512
_MAX_DESCRIPTION: Final = 2000


class VersionStatus(StrEnum):
    """A draft may change; what is published never does."""

    DRAFT = "draft"
    PUBLISHED = "published"


class RecordStatus(StrEnum):
    """Whether a record has its answer, and whose it is."""

    UNANNOTATED = "unannotated"
    # A machine wrote the answer and nobody has looked at it.
    DRAFT = "draft"
    # It came with its answer.
    ANNOTATED = "annotated"
    # A person took the machine's answer, or wrote an own one.
    ACCEPTED = "accepted"
    EDITED = "edited"


OPEN: Final = frozenset({RecordStatus.UNANNOTATED, RecordStatus.DRAFT})


@dataclass(frozen=True, slots=True)
class Dataset:
    """A name for versions. `project_id` is empty for a preset."""

    id: str
    project_id: str
    name: str
    description: str
    kind: str
    metadata: dict[str, str]
    created_at: datetime

    @property
    def source(self) -> str:
        """Who made it."""
        return PROJECT if self.project_id else PRESET


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to get a version."""

    type: str
    at: datetime
    details: dict[str, Any] = field(default_factory=dict)
    task_id: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version. `seq` is what its records' rows carry."""

    id: str
    seq: int
    dataset_id: str
    number: int
    kind: str
    status: VersionStatus
    records: int
    unannotated: int
    drafts: int
    characters: int
    annotations: int
    annotation_ms: int
    created_at: datetime
    published_at: datetime | None
    blob: str
    bytes: int
    sha256: str
    parent_id: str
    lineage: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lineage, with people's annotations as far as they have come."""
        if self.status is VersionStatus.PUBLISHED or not self.annotations:
            return self.lineage
        return (*self.lineage, self.annotated(self.created_at))

    def annotated(self, at: datetime) -> Step:
        """The step that tells of people's annotations."""
        return Step(
            "annotate", at, {"records": self.annotations, "milliseconds": self.annotation_ms}
        )


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `body` is JSON in the form of the version's kind, `notes` a JSON object."""

    position: int
    status: RecordStatus
    body: str
    characters: int
    notes: str = ""


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records are asked for; what is empty or 0 asks for any."""

    statuses: tuple[str, ...] = ()
    contains: str = ""
    min_characters: int = 0
    max_characters: int = 0
    # A filter of an insight's bar.
    traits: dict[str, Any] = field(default_factory=dict)


def record_id(version_id: str, position: int) -> str:
    """Return the public id of a record."""
    return f"{DATASET_RECORD}{version_id.removeprefix(DATASET_VERSION)}_{position}"


def position_of(version_id: str, wanted: str) -> int | None:
    """Return the position that a record's id names; None if it is none of this version's."""
    start = f"{DATASET_RECORD}{version_id.removeprefix(DATASET_VERSION)}_"
    rest = wanted.removeprefix(start)
    if not wanted.startswith(start) or not rest.isascii() or not rest.isdigit() or len(rest) > 18:
        return None
    return int(rest)


def check_kind(kind: str) -> str:
    """Return `kind` if there is such a one, or nothing is said; raises RuleBroken."""
    if kind and kind not in kinds.KINDS:
        raise RuleBroken(f"kind must be one of: {', '.join(kinds.KINDS)}.", param="kind")
    return kind


def check_description(text: str) -> str:
    """Return the description; raises RuleBroken."""
    if len(text) > _MAX_DESCRIPTION or "\x00" in text:
        raise RuleBroken(
            f"description must have at most {_MAX_DESCRIPTION} characters and no NUL.",
            param="description",
        )
    return text


def check_metadata(pairs: dict[str, str]) -> dict[str, str]:
    """Return the metadata; raises RuleBroken."""
    if len(pairs) > _MAX_PAIRS or any(
        not key or len(key) > _MAX_KEY or len(value) > _MAX_VALUE or "\x00" in key + value
        for key, value in pairs.items()
    ):
        raise RuleBroken(
            f"metadata takes at most {_MAX_PAIRS} pairs, {_MAX_KEY} characters a key and "
            f"{_MAX_VALUE} a value.",
            param="metadata",
        )
    return pairs


def characters(value: Any) -> int:
    """Return the characters of all texts that a record says to a model: contents and answers."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(characters(v) for v in value)
    if isinstance(value, dict):
        return sum(characters(v) for key, v in value.items() if key in _SPOKEN)
    return 0


_SPOKEN: Final = frozenset(
    {
        "messages", "content", "text", "input", "preferred_output", "non_preferred_output",
        "completion", "responses", "tool_calls", "function", "arguments", "function_call",
    }
)  # fmt: skip
