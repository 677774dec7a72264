"""Passive ejection: a replica that keeps failing is set aside for a while, longer each time.

Knows failures in a row and time. Does not know what failed. How many replicas of a pool may be set
aside at once is the pool's to decide.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EjectionPolicy:
    """After `failures` in a row a replica is ejected for `base_seconds`, doubled up to `cap`."""

    failures: int = 3
    base_seconds: float = 5.0
    cap_seconds: float = 60.0
    # The largest share of a pool that may be ejected at once.
    max_share: float = 0.5


class Ejection:
    """The state of one replica. Times are monotonic seconds."""

    def __init__(self, policy: EjectionPolicy) -> None:
        self._policy = policy
        self._in_a_row = 0
        self._times = 0
        self._until = 0.0

    def active(self, now: float) -> bool:
        """Tell whether the replica is set aside."""
        return now < self._until

    def succeeded(self, now: float) -> None:
        """A request ended well: the row is broken, and past ejections are forgotten."""
        self._in_a_row = 0
        if not self.active(now):
            self._times = 0

    def failed(self, now: float, *, allowed: bool) -> bool:
        """Note a failure; tell whether it ejects the replica. `allowed` is the pool's word."""
        self._in_a_row += 1
        if self._in_a_row < self._policy.failures or not allowed or self.active(now):
            return False
        seconds = min(self._policy.cap_seconds, self._policy.base_seconds * 2**self._times)
        self._times += 1
        self._until = now + seconds
        self._in_a_row = 0
        return True
