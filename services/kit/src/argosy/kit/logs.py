"""Logs: one JSON object a line on standard error, with request and trace ids.

Knows the form of a line. Prompts, completions, data-set lines and keys are never passed to it:
that is the caller's duty, and `tests/abuse/` looks for them. The texts of exceptions may quote them
without anybody's doing, so they are left out unless the operator wants them.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from opentelemetry import trace

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
# Causes of causes that are shown.
_CHAIN: Final = 10

# Set at the edge of each process for the time of one request.
request_id: Final[ContextVar[str]] = ContextVar("request_id", default="")

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; what was given by `extra=` becomes fields of its own.

    `exception_texts`: show what exceptions say, and not only what they are and where they were
    raised.
    """

    def __init__(self, part: str, *, exception_texts: bool = False) -> None:
        super().__init__()
        self._part = part
        self._texts = exception_texts

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = f"{span.trace_id:032x}"
            line["span_id"] = f"{span.span_id:016x}"
        line.update((k, v) for k, v in vars(record).items() if k not in _STANDARD)
        if record.exc_info:
            shown = self.formatException if self._texts else _without_texts
            line["exception"] = shown(record.exc_info)
        text = json.dumps(line, ensure_ascii=False, default=str)
        return text if text.isprintable() else _printable(text)


def _printable(text: str) -> str:
    """Escape what JSON allows and a terminal obeys, or takes for the end of a line."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _without_texts(exc_info: ExcInfo) -> str:
    """Return the stacks and kinds of an exception and of those before it.

    What the operating system says stays: it speaks of files and sockets.
    """
    parts: list[str] = []
    error = exc_info[1]
    while error is not None and len(parts) < _CHAIN:
        told = f": {error}" if isinstance(error, OSError) else ""
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        stack = "".join(traceback.format_tb(error.__traceback__))
        inner = ""
        if isinstance(error, BaseExceptionGroup):
            inner = "".join(
                f"\n+ {_without_texts((type(e), e, e.__traceback__))}" for e in error.exceptions
            )
        parts.append(f"Traceback (most recent call last):\n{stack}{kind}{told}{inner}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nwhich came of\n\n".join(parts)


def configure(part: str, level: str, *, exception_texts: bool = False) -> None:
    """Send all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(part, exception_texts=exception_texts))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line a request belongs to the gateway's own access log, not to the HTTP library.
    for noisy in ("uvicorn", "nats", "alembic", "asyncio"):
        logging.getLogger(noisy).setLevel("WARNING")
