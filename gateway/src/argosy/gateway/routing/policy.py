"""What a policy sees and answers. Knows no policy, no engine and no clock: time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar


class Load(Protocol):
    """What an engine last told of itself; `kv_cache_usage` is from 0 to 1."""

    @property
    def running(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def kv_cache_usage(self) -> float: ...


class Standing(Protocol):
    """How a replica has done of late. Times are monotonic seconds."""

    def admits(self, now: float) -> bool:
        """Tell whether requests may go there: it is not set aside, or this is its trial."""

    def failure_share(self, now: float) -> float:
        """Return the share of its recent requests that failed, from 0 to 1.

        0 as long as it need not be set aside.
        """


class Candidate(Protocol):
    """A replica at the moment of a decision. `url` is its name and unique within a pool."""

    @property
    def url(self) -> str: ...
    @property
    def ready(self) -> bool:
        """Its last health probe passed."""

    @property
    def in_flight(self) -> int:
        """This gateway's own requests there, counted exactly."""

    @property
    def gauges(self) -> Load: ...
    @property
    def ejection(self) -> Standing: ...
    @property
    def busy_until(self) -> float:
        """Until when the engine itself asked to be left alone."""

    @property
    def serves(self) -> Collection[str] | None:
        """The names of models that the engine knows; None if it takes any name."""


class Ask:
    """What is decided: one request, at one moment. Policies read it, none writes it."""

    __slots__ = ("model", "now", "prefix", "resident", "tried")

    def __init__(
        self,
        model: str,
        now: float,
        *,
        tried: Collection[object] = (),
        resident: Callable[[Candidate], bool] | None = None,
        prefix: Mapping[str, float] = {},
    ) -> None:
        """`model` is the base model's name at the engine; `tried` are replicas that failed it.

        `resident` tells where its adapter is, None if it needs none. `prefix` is, by the replica's
        url, the share of the prompt that its cache may hold.
        """
        self.model = model
        self.now = now
        self.tried = tried
        self.resident = resident
        self.prefix = prefix


C = TypeVar("C", bound=Candidate)


class Filter(Protocol):
    """Says which replicas may serve the request."""

    def keep(self, candidate: Candidate, ask: Ask) -> bool: ...


class Scorer(Protocol):
    """Says how good a replica is for the request, from 0 (worst) to 1 (best)."""

    def score(self, candidate: Candidate, ask: Ask) -> float: ...


class Picker(Protocol):
    """Chooses. Need not look at every candidate: what a look costs is its business."""

    def pick(
        self,
        candidates: Sequence[C],
        keep: Callable[[C], bool],
        score: Callable[[C], float],
        favourite: str | None,
    ) -> C | None:
        """Return the choice, or None if `keep` passes none.

        `favourite` is the url of one that is looked at in any case.
        """
