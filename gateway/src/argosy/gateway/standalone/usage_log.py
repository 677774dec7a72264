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
from typing import Final, Self

import msgspec
from argosy.gateway.metering.usage import Usage
from argosy.kit.clock import Clock

_log = logging.getLogger(__name__)
_LINGER_SECONDS: Final = 0.05
_TENTHS: Final = 10_000
_MICROS: Final = 1_000_000
# Combinations of names whose JSON is remembered.
_REMEMBERED: Final = 4096


class UsageLog:
    """Appends to a file that several workers may share: each append is one write of whole lines."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._waiting: list[tuple[float, Usage]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._file = -1
        self._names: dict[tuple[str, str, str, str, str], bytes] = {}
        # The second of the line before, and how it is written.
        self._second = 0
        self._stamp = b""

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
        lines = [self._line(to_wall + at, usage) for at, usage in waiting]
        try:
            os.write(self._file, b"".join(lines))
        except OSError as error:
            _log.error("usage was not written: %s", error)

    def _line(self, ended: float, usage: Usage) -> bytes:
        """Return a line; `ended` is the Unix time."""
        second = int(ended)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        named = (usage.project_id, usage.key_id, usage.model, usage.operation, usage.outcome)
        names = self._names.get(named)
        if names is None:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            names = self._names[named] = _members(named)
        took = int(usage.seconds * _TENTHS + 0.5)
        first = int(usage.first_token_seconds * _TENTHS + 0.5)
        return (
            b'{"time":"%b.%bZ","request_id":"%b",%b,"input_tokens":%d,"cached_input_tokens":%d,'
            b'"output_tokens":%d,"estimated":%b,"duration_ms":%d.%d,"first_token_ms":%d.%d}\n'
        ) % (
            self._stamp,
            # Six digits, with what leads them cut off.
            (b"%d" % (_MICROS + int((ended - second) * _MICROS)))[1:],
            usage.request_id.encode(),
            names,
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.output_tokens,
            b"true" if usage.estimated else b"false",
            took // 10,
            took % 10,
            first // 10,
            first % 10,
        )


def _members(named: tuple[str, str, str, str, str]) -> bytes:
    """Return the members of a line that are the same for many requests."""
    keys = ("project", "key", "model", "operation", "outcome")
    return msgspec.json.encode(dict(zip(keys, named, strict=True)))[1:-1]


class NoUsageLog:
    """Keeps nothing: the metrics count tokens all the same."""

    def record(self, usage: Usage) -> None:
        """Forget it."""
