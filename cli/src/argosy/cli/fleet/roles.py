"""What the supervisor must know of each kind of process: order, patience, how it stops.

A process name is a role, or a role and a number (`engine-2`). A name that is no known role is
treated as a service without needs.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Role:
    """The habits of one kind of process.

    `after`: roles that must be ready before it starts. `layer`: the fleet stops from the highest
    to the lowest. `attempts`: starts before the first readiness after which the fleet gives up.
    `start_seconds`: time to become ready. `grace_seconds`: time between the stop signal and
    SIGKILL; the longest of each layer add up to less than the 15 s of a stop.
    """

    after: tuple[str, ...] = ()
    layer: int = 1
    attempts: int = 3
    start_seconds: float = 60.0
    grace_seconds: float = 3.0
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL


# The gateway finishes streams for this long; the supervisor waits a little longer.
DRAIN_SECONDS: Final = 6.0

SERVICE: Final = Role()

ROLES: Final[dict[str, Role]] = {
    # SIGINT is PostgreSQL's "fast shutdown": it breaks connections and writes a checkpoint.
    "postgres": Role(layer=0, stop_signal=signal.SIGINT, death_signal=signal.SIGINT),
    "nats": Role(layer=0),
    "registry": Role(after=("postgres", "nats")),
    "trainer": Role(after=("postgres", "nats")),
    "embedder": Role(after=("nats",)),
    # The engine may read a big model from a slow disk; a wrong flag shows within one start.
    "engine": Role(attempts=2, start_seconds=1800.0),
    # Loads nothing until somebody asks for what only it can serve.
    "transformers": Role(),
    "gateway": Role(after=("registry",), layer=2, grace_seconds=DRAIN_SECONDS + 1.5),
}

_NUMBERED: Final = re.compile(r"(.+?)-\d+")


def role_name(process: str) -> str:
    """Return the role in a process name: `engine-2` → `engine`."""
    match = _NUMBERED.fullmatch(process)
    return match[1] if match and match[1] in ROLES else process


def role_of(process: str) -> Role:
    """Return the habits of a process by its name."""
    return ROLES.get(role_name(process), SERVICE)
