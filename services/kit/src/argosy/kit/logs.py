"""Logs: one JSON object a line on standard error, with request and trace ids.

Knows the form of a line. Prompts, completions, data-set lines and keys are never passed to it:
that is the caller's duty, and `tests/abuse/` looks for them.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from opentelemetry import trace

# Set at the edge of each process for the time of one request.
request_id: Final[ContextVar[str]] = ContextVar("request_id", default="")

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; what was given by `extra=` becomes fields of its own."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

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
            line["exception"] = self.formatException(record.exc_info)
        text = json.dumps(line, ensure_ascii=False, default=str)
        return text if text.isprintable() else _printable(text)


def _printable(text: str) -> str:
    """Escape what JSON allows and a terminal obeys, or takes for the end of a line."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def configure(part: str, level: str) -> None:
    """Send all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(part))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line a request belongs to the gateway's own access log, not to the HTTP library.
    for noisy in ("uvicorn", "nats", "alembic", "asyncio"):
        logging.getLogger(noisy).setLevel("WARNING")
