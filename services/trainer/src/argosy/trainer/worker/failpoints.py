"""Deliberate failures for the fault tests, armed by `ARGOSY_FAILPOINTS`.

The syntax of `argosy.kit.failpoints`, which is not installed in the ML environment:
`name=exit@2,other=enospc`. Knows the two actions that the worker's own failpoints need: `exit` ends
the process at once with status 70, `enospc` raises OSError(ENOSPC); both from the given hit on.
"""

import errno
import os
from collections import Counter
from collections.abc import Mapping

EXIT_STATUS = 70


class Failpoints:
    def __init__(self, setting: str) -> None:
        self._armed: dict[str, tuple[str, int]] = {}
        self._hits: Counter[str] = Counter()
        for item in filter(None, setting.split(",")):
            name, _, action = item.partition("=")
            verb, _, nth = action.partition("@")
            self._armed[name] = (verb, int(nth or 1))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Failpoints":
        return cls(environment.get("ARGOSY_FAILPOINTS", ""))

    def hit(self, name: str) -> None:
        verb, nth = self._armed.get(name, ("", 0))
        self._hits[name] += 1
        if self._hits[name] < nth:
            return
        if verb == "exit":
            os._exit(EXIT_STATUS)
        if verb == "enospc":
            raise OSError(errno.ENOSPC, f"failpoint {name}")
