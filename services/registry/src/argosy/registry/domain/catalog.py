"""The catalogue's other entries and the log of its changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from argosy.registry.domain.accounts_budgets import NO_BUDGET, Budget
from argosy.registry.domain.limits import NO_LIMITS, Limits


class EntryKind(StrEnum):
    """What kind of entry changed."""

    KEY = "key"
    PROJECT = "project"
    MODEL = "model"
    POOL = "pool"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Organization:
    """Who owns projects; `slug` is the short name inside `ft:` model ids."""

    id: str
    slug: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project with the slug of its organisation; `share` is its part of a busy pool."""

    id: str
    name: str
    organization_id: str
    organization_slug: str
    limits: Limits = NO_LIMITS
    share: float = 1.0
    budget: Budget = NO_BUDGET
    stores_completions: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas that serve the same base models. `replicas` are base URLs without `/v1`.

    `engine_key_digest` only tells that the engines' secret changed; the secret stays in the
    process that read it from the catalogue file. Numbers of 0 leave it to the gateway's settings.
    """

    name: str
    engine: str
    replicas: tuple[str, ...]
    engine_key_digest: bytes
    concurrency: int = 0
    queue: int = 0
    queue_seconds: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    max_loras: int = 0
    max_cpu_loras: int = 0


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
