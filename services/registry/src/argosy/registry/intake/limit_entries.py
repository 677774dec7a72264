"""Entries of the catalogue file that say how much may be used, and who stands for whom.

Knows their form. Does not know whether the models that routes name exist: they may be tuned later.
"""

from __future__ import annotations

from typing import Annotated, Final

from argosy.registry.domain.limits import Limits
from argosy.registry.domain.routes import Route, Target
from pydantic import BaseModel, ConfigDict, Field

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}$")]
# What a column holds is more; what anyone means is less.
_Count = Annotated[int, Field(ge=0, le=10**15)]

_FIELDS: Final = tuple(Limits.__dataclass_fields__)


class LimitFields(BaseModel):
    """What `[[project]]` and `[[key]]` may say of limits; 0 is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    requests_per_minute: _Count = 0
    tokens_per_minute: _Count = 0
    tokens_per_day: _Count = 0
    concurrent_requests: _Count = 0
    micros_per_day: _Count = 0

    @property
    def limits(self) -> Limits | None:
        """The limits; None where the entry says nothing of them."""
        if not self.model_fields_set.intersection(_FIELDS):
            return None
        return Limits(**{name: getattr(self, name) for name in _FIELDS})


class TargetEntry(BaseModel):
    """One of the models behind a route."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: _Name
    weight: float = Field(default=1.0, ge=0, le=1e9, allow_inf_nan=False)


class RouteEntry(BaseModel):
    """`[[route]]`: an alias, a weighted split, or a model with fallbacks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    project_id: str = ""
    targets: tuple[TargetEntry, ...] = Field(min_length=1, max_length=64)
    fallbacks: tuple[_Name, ...] = Field(default=(), max_length=64)

    @property
    def route(self) -> Route:
        """The route that the entry describes."""
        targets = tuple(Target(t.model, t.weight) for t in self.targets)
        return Route(self.name, self.project_id, targets, self.fallbacks)


def check_routes(entries: tuple[RouteEntry, ...], projects: set[str]) -> None:
    """Hold the entries to each other and to the projects; raises ValueError."""
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        raise ValueError("two [[route]] entries have the same name")
    for entry in entries:
        if entry.project_id and entry.project_id not in projects:
            raise ValueError(f"route {entry.name} names a project that has no [[project]]")
        if not any(target.weight for target in entry.targets):
            raise ValueError(f"no target of route {entry.name} has a weight above 0")
