"""Passive ejection: a replica that keeps failing is set aside for a while, longer each time.

Two signs count: failures in a row, and a share of failures over the last seconds. When the time is
over, one request tries the replica: if it goes well all may, if not it is set aside again. Knows
counts and time. Does not know what failed. How many replicas of a pool may be set aside at once is
the pool's to decide.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EjectionPolicy:
    """When a replica is set aside, and for how many seconds."""

    # So many failures in a row eject,
    failures: int = 3
    # and so does this share of at least `least` requests within `window_seconds`.
    share: float = 0.5
    least: int = 10
    window_seconds: float = 10.0
    # The first time; doubled with each further one up to the cap.
    base_seconds: float = 5.0
    cap_seconds: float = 60.0
    # Up to this part is added by lot, so that replicas that fell together do not return together.
    jitter: float = 0.2
    # The largest share of a pool that may be ejected at once.
    max_share: float = 0.5


class Ejection:
    """The state of one replica. Times are monotonic seconds."""

    def __init__(self, policy: EjectionPolicy, rng: random.Random | None = None) -> None:
        self._policy = policy
        self._rng = rng or random.Random()  # noqa: S311 - spreads returns, hides nothing
        self._in_a_row = 0
        self._times = 0
        self._until = 0.0
        # Set aside, and no request has gone well since. Only then are there trials.
        self.out = False
        self._trying = False
        # It would be out, but the pool cannot do without it.
        self._spared = False
        # The sliding window is two halves: the current one and the one before it.
        self._half_began = 0.0
        self._ok = self._bad = 0
        self._ok_before = self._bad_before = 0

    @property
    def until(self) -> float:
        """When the present or last ejection ends."""
        return self._until

    def active(self, now: float) -> bool:
        """Tell whether the replica is set aside."""
        return now < self._until

    def admits(self, now: float) -> bool:
        """Tell whether a request may go there: all may, or nobody is trying it yet."""
        return not self.out or (now >= self._until and not self._trying)

    def begin(self, now: float) -> None:
        """A request goes there; after an ejection the first one is the trial."""
        if self.out and now >= self._until:
            self._trying = True

    def began(self) -> None:
        """It has begun to answer a request well: a trial is passed."""
        if self.out:
            self.out = self._trying = False
            self._in_a_row = 0

    def left(self) -> None:
        """A request ended without a verdict; if it was the trial, another one may try."""
        self._trying = False

    def succeeded(self, now: float) -> None:
        """A request ended well: the row is broken, and past ejections fade."""
        self._in_a_row = 0
        self._spared = False
        if self.out and not self._trying:
            # It was sent before the replica was set aside, or for want of another.
            return
        self.began()
        self._turn(now)
        self._ok += 1
        if self._times and not self._bad and not self._bad_before:
            self._times = 0

    def failed(self, now: float, *, allowed: bool, grave: bool = False) -> bool:
        """Note a failure; tell whether it ejects the replica.

        `allowed` is the pool's word. A `grave` one is sign enough by itself.
        """
        self._turn(now)
        self._bad += 1
        self._in_a_row += 1
        trial, self._trying = self._trying, False
        if self.active(now):
            return False
        if not (grave or trial or self._in_a_row >= self._policy.failures or self._too_many()):
            return False
        if not allowed:
            self.out = False
            self._spared = True
            return False
        self._eject(now)
        return True

    def failure_share(self, now: float) -> float:
        """Return the share of failures in the window of a replica that should be set aside and
        is not, since the pool cannot do without it; 0 for all others.
        """
        if not self._spared:
            return 0.0
        self._turn(now)
        bad = self._bad + self._bad_before
        return bad / (bad + self._ok + self._ok_before) if bad else 0.0

    def _too_many(self) -> bool:
        bad = self._bad + self._bad_before
        total = bad + self._ok + self._ok_before
        return total >= self._policy.least and bad >= self._policy.share * total

    def _eject(self, now: float) -> None:
        policy = self._policy
        seconds = min(policy.cap_seconds, policy.base_seconds * 2.0 ** min(self._times, 30))
        self._until = now + seconds * (1.0 + policy.jitter * self._rng.random())
        self._times += 1
        self._in_a_row = 0
        self.out = True
        self._spared = False

    def _turn(self, now: float) -> None:
        """Let what is older than the window fade: by halves, so it covers 0.5 to 1 window."""
        half = self._policy.window_seconds / 2
        passed = now - self._half_began
        if passed < half:
            return
        recent = passed < 2 * half
        self._ok_before = self._ok if recent else 0
        self._bad_before = self._bad if recent else 0
        self._ok = self._bad = 0
        self._half_began = now
