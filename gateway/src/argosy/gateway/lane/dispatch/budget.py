"""How many second tries are allowed: a share of the requests, so that retries never double a load.

Knows counts. Does not know what is retried.
"""

from __future__ import annotations


class RetryBudget:
    """A bucket that each request fills by `share` and each retry empties by one; one for a pool.

    `reserve` is its size: how many retries a burst may take, for example when a replica dies under
    all its requests. Over 200 requests or more, retries stay below `share` + `reserve` / 200.
    """

    def __init__(self, share: float = 0.15, reserve: float = 10.0) -> None:
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def request(self) -> None:
        """A client's request arrived."""
        left = self._left + self._share
        self._left = left if left < self._reserve else self._reserve

    def take(self) -> bool:
        """Ask for a retry."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
