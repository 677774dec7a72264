"""Health of a process: `/livez`, `/readyz` and `/metrics` on a port of their own.

Knows named checks and how to report them. Does not know what they check.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

# Returns None if all is well, else one sentence that says what is missing.
Check = Callable[[], Awaitable[str | None]]

_CHECK_TIMEOUT: Final = 2.0


class Health:
    """The checks that must pass before the process takes work."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._started = False
        self._stopping = False

    def check(self, name: str, check: Check) -> None:
        """Add a readiness check."""
        self._checks[name] = check

    def started(self) -> None:
        """Say that start-up is complete; before this the process is never ready."""
        self._started = True

    def stopping(self) -> None:
        """Say that the process is going down; after this it is never ready."""
        self._stopping = True

    async def report(self) -> dict[str, str]:
        """Return what is missing by check name; empty means ready."""
        if self._stopping:
            return {"lifecycle": "The process is stopping."}
        if not self._started:
            return {"lifecycle": "The process is starting."}
        answers = await asyncio.gather(*(self._ask(c) for c in self._checks.values()))
        return {n: a for n, a in zip(self._checks, answers, strict=True) if a is not None}

    @staticmethod
    async def _ask(check: Check) -> str | None:
        try:
            return await asyncio.wait_for(check(), _CHECK_TIMEOUT)
        except TimeoutError:
            return f"The check took more than {_CHECK_TIMEOUT:g} s."


class OpsApp:
    """The ASGI application of the health port."""

    def __init__(self, health: Health, metrics: CollectorRegistry) -> None:
        self._health = health
        self._metrics = metrics

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, content_type, body = await self._answer(scope["path"])
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str) -> tuple[int, bytes, bytes]:
        if path == "/livez":
            return 200, b"application/json", b'{"live":true}'
        if path == "/readyz":
            missing = await self._health.report()
            body = json.dumps({"ready": not missing, "missing": missing}).encode()
            return (503 if missing else 200), b"application/json", body
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST.encode(), generate_latest(self._metrics)
        return 404, b"application/json", b'{"error":"The paths are /livez, /readyz, /metrics."}'
