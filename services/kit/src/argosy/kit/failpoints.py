"""Named places where a test can make a process fail, by `ARGOSY_FAILPOINTS`.

The syntax is `name=action` or `name=action@n` (from the n-th hit on; 1 if not given), several
separated by commas. Actions: `exit` ends the process at once with status 70, as `kill -9` would;
`error` raises `FailpointError`; `enospc` raises OSError(ENOSPC). Without the variable a failpoint
costs one dictionary look-up.
"""

from __future__ import annotations

import errno
import os
from typing import Final


class FailpointError(RuntimeError):
    """What a failpoint with the action `error` raises."""


class Failpoints:
    """The armed failpoints of one process and how often each was passed."""

    def __init__(self, spec: str) -> None:
        self._armed: dict[str, tuple[str, int]] = {}
        self._hits: dict[str, int] = {}
        for item in filter(None, spec.split(",")):
            name, _, action = item.partition("=")
            verb, _, nth = action.partition("@")
            if verb not in {"exit", "error", "enospc"}:
                raise ValueError(f"failpoint {item!r}: the action is exit, error or enospc")
            self._armed[name] = (verb, int(nth or 1))

    def hit(self, name: str) -> None:
        """Pass the failpoint `name`; does what was armed for it."""
        if name not in self._armed:
            return
        verb, nth = self._armed[name]
        self._hits[name] = self._hits.get(name, 0) + 1
        if self._hits[name] < nth:
            return
        if verb == "exit":
            os._exit(70)
        if verb == "enospc":
            raise OSError(errno.ENOSPC, f"failpoint {name}")
        raise FailpointError(name)


# The one piece of process-wide state in Argosy: failpoints sit deep in code that has no handle on
# the composition root, and production never arms them.
_FROM_ENVIRONMENT: Final = Failpoints(os.environ.get("ARGOSY_FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Pass the failpoint `name` as armed by the environment."""
    _FROM_ENVIRONMENT.hit(name)
