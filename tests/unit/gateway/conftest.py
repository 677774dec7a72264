"""The data plane with one or two fake engines, anew for each test that breaks something."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.harness.lane_plane import FakeEngine, LanePlane

MakePlane = Callable[..., Any]


@pytest.fixture
async def make_plane(tmp_path: Path) -> AsyncIterator[MakePlane]:
    """`plane, engines = await make_plane(engines=2, arguments=(...), **options)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(
            engines: int = 1,
            arguments: tuple[str, ...] = (),
            urls: Sequence[str] = (),
            **options: Any,
        ) -> tuple[LanePlane, list[FakeEngine]]:
            started = [FakeEngine(*arguments) for _ in range(engines)]
            for engine in started:
                stack.push_async_callback(engine.stop)
                await engine.start()
            plane = LanePlane(tmp_path / "spool", [*(e.url for e in started), *urls], **options)
            await stack.enter_async_context(plane.running())
            return plane, started

        yield make
