"""The child's voice: one JSON object a line on the real stdout, and nothing else there.

Libraries print where they like, so the first act of the process is to take descriptor 1 away from
them: what is printed after that goes to stderr, which is the run's log.
"""

import json
import os
import sys
from typing import IO, Any

from argosy.trainer.worker.ranks import Rank


class Progress:
    """Events for the supervisor; each is flushed at once."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    @classmethod
    def claim_stdout(cls) -> "Progress":
        """Keeps a private copy of descriptor 1 and points 1 itself at stderr."""
        sys.stdout.flush()
        private = os.dup(1)
        os.dup2(2, 1)
        return cls(os.fdopen(private, "w", encoding="utf-8"))

    def fileno(self) -> int:
        return self._stream.fileno()

    def of(self, rank: Rank) -> "Progress":
        """The voice of one of several processes: of all but the first nothing is heard."""
        return self if rank.speaks() else Silence(self._stream)

    def emit(self, event: str, **values: Any) -> None:
        """NaN and infinity are not JSON: a loss that is one becomes null."""
        finite = {name: _finite(value) for name, value in values.items()}
        self._stream.write(json.dumps({"event": event, **finite}, allow_nan=False) + "\n")
        self._stream.flush()


class Silence(Progress):
    def emit(self, event: str, **values: Any) -> None:
        pass


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
