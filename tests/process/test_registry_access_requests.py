"""Sign-ups on a real database: no more wait than somebody will read, however many come at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.kit.errors import RateLimited
from argosy.registry.domain.access_requests import AccessRequest
from argosy.registry.domain.accounts_audit import Actor
from argosy.registry.metrics import Metrics
from argosy.registry.usecases.access_requests import AccessRequests
from argosy.registry.usecases.accounts_desk import Desk
from argosy.registry.usecases.watch import Feed
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.harness.registry_fleet import Fleet, fleet

NOBODY = Actor("")
BOUND = 3


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture
async def requests(ships: Fleet) -> AsyncIterator[AccessRequests]:
    url = await ships.postgres.new_database(f"sign_up_{random.randrange(2**32)}")
    async with Database.open(SecretStr(url), "registry") as database:
        await database.migrate("argosy.registry.store.migrations")
        feed = Feed(database, 60, Metrics(CollectorRegistry()))
        desk = Desk(database, feed, ManualClock(datetime(2026, 2, 1, tzinfo=UTC)))
        yield AccessRequests(desk, b"pepper", is_open=True, most_waiting=BOUND)


async def ask(requests: AccessRequests, number: int) -> AccessRequest:
    asked, _ = await requests.create(
        NOBODY, f"sailor{number}@ship.example", "A Sailor", "Ship & Co.", "Answers."
    )
    return asked


async def test_no_more_may_wait_than_the_bound_and_a_decision_makes_room(
    requests: AccessRequests,
) -> None:
    came = await asyncio.gather(*(ask(requests, n) for n in range(8)), return_exceptions=True)
    waiting = [each for each in came if isinstance(each, AccessRequest)]
    refused = [each for each in came if not isinstance(each, AccessRequest)]
    assert len(waiting) == BOUND
    for each in refused:
        assert isinstance(each, RateLimited), each
        assert each.code == "too_many_access_requests"
        assert str(BOUND) in str(each)
    # Who was refused left nothing behind.
    listed, _ = await requests.list("", 100, "")
    assert {each.id for each in listed} == {each.id for each in waiting}

    await requests.reject(NOBODY, waiting[0].id, "No berth.")
    await ask(requests, 100)
    with pytest.raises(RateLimited):
        await ask(requests, 101)
