"""The key `argosy` of projects and keys: limits, share, priority; OpenAI has no slot for these."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.http.paging import Json
from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=10**15)]

LIMITS: Final = tuple(field.name for field in pb.Limits.DESCRIPTOR.fields)
_PRIORITIES: Final = {
    "batch": pb.PRIORITY_BATCH,
    "flex": pb.PRIORITY_FLEX,
    "default": pb.PRIORITY_DEFAULT,
    "high": pb.PRIORITY_HIGH,
}
_WORDS: Final[dict[int, str]] = {number: word for word, number in _PRIORITIES.items()}


class Limits(Struct, forbid_unknown_fields=True):
    """The most that may be used, all of them together; 0 is no limit."""

    requests_per_minute: Count = 0
    tokens_per_minute: Count = 0
    tokens_per_day: Count = 0
    concurrent_requests: Count = 0
    micros_per_day: Count = 0

    def message(self) -> pb.Limits:
        """Return the limits as the registry takes them."""
        return pb.Limits(**{name: getattr(self, name) for name in LIMITS})


class ProjectExtension(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is; `limits` are replaced as a whole."""

    limits: Limits | None = None
    share: Annotated[float, Meta(gt=0, le=1000)] | None = None
    # Chat completions whose request says `store` are kept.
    stores_completions: bool | None = None


class KeyExtension(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is; `limits` are replaced as a whole."""

    limits: Limits | None = None
    priority: Literal["batch", "flex", "default", "high"] | None = None


def priority_number(asked: KeyExtension | None) -> pb.Priority.ValueType | None:
    """Return the priority that was asked for, None where there was no word of it."""
    return None if asked is None or asked.priority is None else _PRIORITIES[asked.priority]


def limits_message(asked: ProjectExtension | KeyExtension | None) -> pb.Limits | None:
    """Return the limits that were asked for, None where there was no word of them."""
    return None if asked is None or asked.limits is None else asked.limits.message()


def limits_json(limits: pb.Limits) -> Json:
    """Return the limits as `argosy.limits` shows them."""
    return {name: getattr(limits, name) for name in LIMITS}


def priority_word(number: int) -> str:
    """Return the priority as `argosy.priority` shows it."""
    return _WORDS.get(number, "default")
