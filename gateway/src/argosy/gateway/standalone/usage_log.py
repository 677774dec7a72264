"""What each request used, as JSON lines in a file. Knows the file; does not know prices.

Lines gather for a moment and are appended together: a kill -9 loses at most that moment.
"""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from argosy.gateway.metering.usage import Usage
from argosy.kit.clock import Clock

_log = logging.getLogger(__name__)
_LINGER_SECONDS: Final = 0.05
_encoder: Final = msgspec.json.Encoder()


class UsageLog:
    """Appends to a file that several workers may share: each append is one write of whole lines."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._waiting: list[tuple[float, Usage]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._file = -1

    def __enter__(self) -> Self:
        """Open the file for appending. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.flush()
        os.close(self._file)

    def record(self, usage: Usage) -> None:
        """Take note of a request that has ended: in memory, and on disk in a moment."""
        self._waiting.append((self._clock.monotonic(), usage))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_LINGER_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what waits; a full disk costs the lines and is logged."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        # A time of day costs more than a duration.
        to_wall = self._clock.now().timestamp() - self._clock.monotonic()
        lines = _encoder.encode_lines(
            [_line(datetime.fromtimestamp(to_wall + at, UTC), usage) for at, usage in waiting]
        )
        try:
            os.write(self._file, lines)
        except OSError as error:
            _log.error("usage was not written: %s", error)


def _line(ended: datetime, usage: Usage) -> dict[str, Any]:
    return {
        "time": ended,
        "request_id": usage.request_id,
        "project": usage.project_id,
        "key": usage.key_id,
        "model": usage.model,
        "operation": usage.operation,
        "outcome": usage.outcome.value,
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "estimated": usage.estimated,
        "duration_ms": round(usage.seconds * 1000, 1),
        "first_token_ms": round(usage.first_token_seconds * 1000, 1),
    }


class NoUsageLog:
    """Keeps nothing: the metrics count tokens all the same."""

    def record(self, usage: Usage) -> None:
        """Forget it."""
