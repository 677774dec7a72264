"""What is known of a fleet at one moment: written by its supervisor, read by every command.

Plain data. Knows neither processes nor terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

FORMAT: Final = 1


class Phase(StrEnum):
    """Where the whole fleet stands."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Stage(StrEnum):
    """Where one process stands."""

    WAITING = "waiting"  # for a process that it needs
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"  # it was ready and lives, but does not take work now
    BACKING_OFF = "restarting"  # it crashed and starts again after a pause
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class MemberState:
    """One process. `seconds`: from its start to its readiness, or None. `since`: Unix time."""

    name: str
    stage: Stage
    pid: int | None
    start_ticks: int | None
    port: int
    url: str
    health_url: str
    log: str
    restarts: int
    seconds: float | None
    since: float
    note: str

    @property
    def ready(self) -> bool:
        """Whether the process takes work."""
        return self.stage is Stage.READY


@dataclass(frozen=True)
class FleetState:
    """A fleet and its processes."""

    phase: Phase
    pid: int
    start_ticks: int | None
    boot: str
    base_url: str
    model: str
    started_at: float
    members: tuple[MemberState, ...]
    failed: str | None = None
    reason: str | None = None

    def member(self, name: str) -> MemberState | None:
        """Return the process of that name."""
        return next((m for m in self.members if m.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {"format": FORMAT} | asdict(self)


def from_json(stored: Mapping[str, Any]) -> FleetState | None:
    """Return the state that `as_json` made; None for another format."""
    if stored.get("format") != FORMAT:
        return None
    values = {key: value for key, value in stored.items() if key != "format"}
    members = tuple(
        MemberState(**{**member, "stage": Stage(member["stage"])}) for member in values["members"]
    )
    return FleetState(**{**values, "phase": Phase(values["phase"]), "members": members})
