"""The end of a process: its background tasks end, also those that miss the first cancel."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from argosy.kit import lifecycle
from argosy.kit.clock import SystemClock
from argosy.kit.lifecycle import Runtime
from argosy.kit.settings import ServiceSettings


async def test_a_swallowed_cancel_does_not_hold_up_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "_CANCEL_SECONDS", 0.01)
    settings = ServiceSettings.model_validate(
        {"bind": "127.0.0.1:0", "health_bind": "127.0.0.1:0", "service_token": "t"}
    )
    runtime = Runtime("test", settings, SystemClock())
    started = asyncio.Event()

    async def swallow() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            started.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    runtime.background(swallow(), "swallows one cancel")
    await started.wait()
    async with asyncio.timeout(5):
        await runtime.stop()
    assert runtime.exit_status == 0
