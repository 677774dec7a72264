"""What a user, or a test, asks of a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from argosy.cli.errors import UsageError

EVERY: str = "*"


@dataclass(frozen=True)
class FleetOptions:
    """The choices behind `argosy up`.

    `port`: the gateway's; None prefers the one it had, then 8000. `environment`: settings by
    process name (`*` for all), over the ones that the fleet sets.
    """

    procfile: Path
    ml_environment: Path
    host: str = "127.0.0.1"
    port: int | None = None
    model: str | None = None
    engine_flags: tuple[str, ...] = ()
    engine_flavour: str | None = None
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def repository_root() -> Path:
    """Return the folder that holds the Procfile of this installation. Raises `UsageError`."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "Procfile").is_file():
            return folder
    raise UsageError("The Procfile of Argosy was not found; give one with --procfile.")
