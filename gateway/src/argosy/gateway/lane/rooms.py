"""What a request of the lane passes through, by the names under which the exchange asks for it.

Knows the rooms' contracts. Does not know the order in which they are entered.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final, Protocol

from argosy.api import ids
from argosy.api.registry.v1.registry_pb2 import Model, Route
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.limits import Limits
from argosy.gateway.admission.permits import Admission
from argosy.gateway.lane.dispatch.dispatcher import Dispatcher, Timeouts
from argosy.gateway.lane.dispatch.salt import CacheSalts
from argosy.gateway.lane.media.door import MediaDoor
from argosy.gateway.lane.metrics import LaneMetrics
from argosy.gateway.lane.sampling import Sampler
from argosy.gateway.lane.storing import Keep
from argosy.gateway.metering.journal import Journal
from argosy.gateway.metering.usage import Usage
from argosy.gateway.served_model import ServedModel
from argosy.kit.clock import Clock

_PREFIX: Final[str] = ids.REQUEST
_DIGITS: Final = 32
# Digits at once: a draw costs as much as an id.
_DRAWN: Final = 64 * _DIGITS


class Recorder(Protocol):
    """Where usage is noted."""

    def record(self, usage: Usage) -> None:
        """Take note of a request that has ended, however it ended. Must not wait."""


class Models(Protocol):
    """Where names are looked up."""

    def known(self, project_id: str, name: str) -> ServedModel | None:
        """Return the model if memory has it and the project may name it."""

    async def find(self, project_id: str, name: str) -> Model:
        """Return the model; raises NotFound, also for another project's."""

    def route(self, project_id: str, name: str) -> Route | None:
        """Return the route of that name, which stands before a model of the same name."""


class RequestIds:
    """Makes ids of requests: unique, not secret, and cheap: no system call for each."""

    def __init__(self) -> None:
        # Seeded by the operating system, once a process.
        self._bits = random.Random().getrandbits  # noqa: S311 - an id opens nothing
        # Digits that were drawn, and how many of them are used.
        self._drawn = ""
        self._used = 0

    def new(self) -> str:
        """Return a new id; the 32 digits after its prefix can serve as a trace's id too."""
        if self._used == len(self._drawn):
            self._drawn = self._bits(_DRAWN * 4).to_bytes(_DRAWN // 2, "big").hex()
            self._used = 0
        begin = self._used
        self._used = end = begin + _DIGITS
        return _PREFIX + self._drawn[begin:end]


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Bytes and seconds of what a client sends; a head has as long as a body."""

    max_body_bytes: int = 4 * 1024 * 1024
    body_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a request passes through, in this order."""

    authenticator: Authenticator
    models: Models
    rates: Limits
    admission: Admission
    dispatcher: Dispatcher
    meter: Recorder
    metrics: LaneMetrics
    clock: Clock
    limits: LaneLimits
    timeouts: Timeouts
    sampler: Sampler
    salts: CacheSalts
    access_log: bool = False
    # Takes completions that are to be stored; None where nobody stores any.
    keep: Keep | None = None
    media: MediaDoor = field(default_factory=MediaDoor)
    # Knows what is with engines if this process is killed; None where nobody bills.
    journal: Journal | None = None
    request_ids: RequestIds = field(default_factory=RequestIds)
    # Draws the targets of routes.
    rng: random.Random = field(default_factory=random.Random)
