"""The loop that consumes events, on a subscription that answers as a busy server may."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import nats.errors
import pytest
from argosy.kit.bus import Bus
from argosy.kit.settings import ServiceSettings
from nats.js.api import ConsumerConfig, ConsumerInfo


class Subscription:
    """Answers each fetch with the next of `answers`, then is cancelled."""

    def __init__(self, *answers: list[Any] | Exception) -> None:
        self._answers = iter(answers)

    async def fetch(self, _size: int, timeout: float) -> list[Any]:
        try:
            answer = next(self._answers)
        except StopIteration:
            raise asyncio.CancelledError from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def unsubscribe(self) -> None:
        pass


class Stream:
    """The calls of JetStream that a consumer makes."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def add_consumer(self, *_: Any, **__: Any) -> None:
        pass

    async def pull_subscribe_bind(self, **_: Any) -> Subscription:
        return self._subscription

    async def consumer_info(self, *_: str) -> ConsumerInfo:
        return ConsumerInfo("trainer", "events", ConsumerConfig(), datetime.now(UTC))


@pytest.mark.parametrize(
    "answer", [[], nats.errors.TimeoutError(), TimeoutError()], ids=["none", "quiet", "late"]
)
async def test_a_fetch_that_brings_nothing_ends_no_consumer(answer: list[Any] | Exception) -> None:
    bus = Bus(
        ServiceSettings.model_validate(
            {"bind": "127.0.0.1:1", "health_bind": "127.0.0.1:2", "service_token": "x" * 16}
        )
    )
    bus._js = Stream(Subscription(answer, answer))  # type: ignore[assignment]

    async def take(_messages: Any) -> None:
        raise AssertionError("there was nothing to take")

    with pytest.raises(asyncio.CancelledError):
        await bus._consume("trainer", [], take)
