"""The catalogue's other entries and the log of its changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntryKind(StrEnum):
    """What kind of entry changed."""

    KEY = "key"
    PROJECT = "project"
    MODEL = "model"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Organization:
    """Who owns projects; `slug` is the short name inside `ft:` model ids."""

    id: str
    slug: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project with the slug of its organisation."""

    id: str
    name: str
    organization_id: str
    organization_slug: str


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas that serve the same base models. `replicas` are base URLs without `/v1`.

    `engine_key_digest` only tells that the engines' secret changed; the secret stays in the
    process that read it from the catalogue file.
    """

    name: str
    engine: str
    replicas: tuple[str, ...]
    engine_key_digest: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """The entry `kind`/`id` changed; what it is now is read from its own table."""

    kind: EntryKind
    id: str
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Revised:
    """A change with the revision under which it became visible."""

    revision: int
    change: Change
