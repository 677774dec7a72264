"""The loop that consumes events, on a subscription that answers as a busy server may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from argosy.kit.bus import Bus
from argosy.kit.settings import ServiceSettings


class Subscription:
    """Answers each fetch with the next of `batches`, then is cancelled."""

    def __init__(self, *batches: list[Any]) -> None:
        self._batches = iter(batches)

    async def fetch(self, _size: int, timeout: float) -> list[Any]:
        try:
            return next(self._batches)
        except StopIteration:
            raise asyncio.CancelledError from None

    async def unsubscribe(self) -> None:
        pass


class Stream:
    """The two calls of JetStream that a consumer begins with."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def add_consumer(self, *_: Any, **__: Any) -> None:
        pass

    async def pull_subscribe_bind(self, **_: Any) -> Subscription:
        return self._subscription


async def test_a_fetch_that_brings_nothing_ends_no_consumer() -> None:
    bus = Bus(
        ServiceSettings.model_validate(
            {"bind": "127.0.0.1:1", "health_bind": "127.0.0.1:2", "service_token": "x" * 16}
        )
    )
    bus._js = Stream(Subscription([], []))  # type: ignore[assignment]

    async def take(_messages: Any) -> None:
        raise AssertionError("there was nothing to take")

    with pytest.raises(asyncio.CancelledError):
        await bus._consume("trainer", [], take)
