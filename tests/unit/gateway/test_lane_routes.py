"""Aliases, splits and fallbacks: which models are asked, and what the client is told."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import openai
import pytest
from argosy.api.registry.v1.registry_pb2 import (
    ENTRY_KIND_ROUTE,
    MODEL_KIND_BASE,
    Model,
    Pool,
    Removal,
    Route,
    RouteTarget,
    WatchResponse,
)
from argosy.gateway.catalog import Catalog
from argosy.gateway.errors import Draining, NoReplica
from argosy.gateway.lane.dispatch.routes import in_turn, order
from argosy.kit.errors import InvalidRequest

from tests.harness.lane_plane import BASE, HELLO, FakeEngine, LanePlane

CHAT: dict[str, Any] = {"messages": HELLO, "max_tokens": 3}


def split(**weights: float) -> Route:
    targets = [RouteTarget(model_id=name, weight=weight) for name, weight in weights.items()]
    return Route(name="smart", targets=targets, fallbacks=["last", "a"])


def test_targets_are_drawn_by_weight() -> None:
    rng = random.Random(3)
    route = split(a=9, none=0, b=1)
    count = Counter(order(route, "p", None, rng)[0] for _ in range(2000))
    assert set(count) == {"a", "b"}
    assert 120 < count["b"] < 280


def test_the_fallbacks_follow_and_no_model_is_asked_twice() -> None:
    rng = random.Random(3)
    assert order(split(a=1), "p", None, rng) == ["a", "last"]
    assert order(split(b=1), "p", None, rng) == ["b", "last", "a"]
    assert order(split(b=0), "p", None, rng) == ["last", "a"]
    assert order(Route(name="empty"), "p", None, rng) == []


def test_a_user_stays_with_a_target_and_a_larger_canary_takes_only_from_the_rest() -> None:
    rng = random.Random(3)
    users = [f"user-{number}" for number in range(500)]

    def canary(weight: float) -> set[str]:
        route = split(b=weight, a=1 - weight)
        return {user for user in users if order(route, "p", user, rng)[0] == "b"}

    small = canary(0.1)
    assert small == canary(0.1)
    assert 25 < len(small) < 85
    assert small < canary(0.3)
    route = split(b=0.1, a=0.9)
    assert small != {user for user in users if order(route, "q", user, rng)[0] == "b"}


async def test_only_what_another_model_can_mend_is_passed_on() -> None:
    asked: list[str] = []
    passed: list[int] = []

    async def failing(error: Exception, *, begun: bool = False) -> str:
        asked.clear()
        passed.clear()

        async def serve(name: str) -> str:
            asked.append(name)
            if name == "a":
                raise error
            return name

        return await in_turn(
            ["a", "b", "c"], serve, begun=lambda: begun, passed_over=lambda: passed.append(1)
        )

    assert await failing(NoReplica("down")) == "b"
    assert (asked, passed) == (["a", "b"], [1])
    for error, begun in (
        (NoReplica("down"), True),
        (Draining(""), False),
        (InvalidRequest(""), False),
    ):
        with pytest.raises(type(error)):
            await failing(error, begun=begun)
        assert (asked, passed) == (["a"], [])


def test_routes_come_and_go_with_the_catalogue() -> None:
    catalog = Catalog()
    mine = Route(name="mine", project_id="proj_a")
    catalog.replace([WatchResponse(route=split(a=1)), WatchResponse(route=mine)])
    assert catalog.route("proj_b", "smart") is not None
    assert catalog.route("proj_b", "mine") is None
    assert [route.name for route in catalog.routes("proj_a")] == ["mine", "smart"]
    catalog.apply(WatchResponse(removal=Removal(kind=ENTRY_KIND_ROUTE, id="mine")))
    assert catalog.route("proj_a", "mine") is None
    catalog.replace([])
    assert catalog.route("proj_a", "smart") is None


async def second_pool(plane: LanePlane, engine: FakeEngine) -> None:
    """Add the model `spare` on a pool of its own."""
    plane.catalog.apply(
        WatchResponse(pool=Pool(name="spare", engine="vllm", replicas=[engine.url]))
    )
    spare = Model(
        id="spare", kind=MODEL_KIND_BASE, pool="spare", context_length=2048, servable=True
    )
    plane.catalog.apply(WatchResponse(model=spare))
    await plane.fleet.probe_once()


@pytest.fixture
async def spare(make_plane: Any) -> Any:
    """A plane whose base model may fall back to `spare`, and the two engines."""
    plane, engines = await make_plane(engines=1)
    other = FakeEngine(model="spare")
    await other.start()
    try:
        await second_pool(plane, other)
        yield plane, engines[0], other
    finally:
        await other.stop()


def route(plane: LanePlane, name: str, *targets: str, fallbacks: tuple[str, ...] = ()) -> None:
    entry = Route(name=name, targets=[RouteTarget(model_id=t, weight=1) for t in targets])
    entry.fallbacks.extend(fallbacks)
    plane.catalog.apply(WatchResponse(route=entry))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fallback_serves_when_no_replica_of_the_target_can(
    spare: Any, stream: bool
) -> None:
    plane, engine, other = spare
    route(plane, BASE, BASE, fallbacks=("spare",))
    body = CHAT | {"model": BASE, "stream": stream}
    async with plane.http() as client:
        first = await client.post("/v1/chat/completions", json=body)
        assert first.headers["x-argosy-model"] == BASE
        await engine.kill()
        second = await client.post("/v1/chat/completions", json=body)
    assert second.status_code == 200, second.text
    assert second.headers["x-argosy-model"] == "spare"
    # The client reads the name that it called, in each event.
    assert '"spare"' not in second.text
    assert f'"model":"{BASE}"' in second.text.replace(": ", ":")
    assert [u.model for u in await plane.usage(2)] == [BASE, "spare"]
    assert plane.value("argosy_gateway_fallbacks_total", route=BASE) == 1
    assert (await other.stats())["bodies"][0]["model"] == "spare"
    await plane.settled()


async def test_an_alias_is_served_with_the_stock_sdk(spare: Any) -> None:
    plane, _, _ = spare
    route(plane, "fast", "spare")
    answer = await plane.sdk().chat.completions.create(model="fast", **CHAT)
    assert answer.choices[0].message.content == "t0 t1 t2 "
    assert answer.model == "fast"
    (used,) = await plane.usage(1)
    assert used.model == "spare"


async def test_a_wrong_request_is_not_asked_of_the_fallback(spare: Any) -> None:
    plane, _, other = spare
    route(plane, "fast", BASE, fallbacks=("spare",))
    with pytest.raises(openai.BadRequestError):
        await plane.sdk().chat.completions.create(model="fast", messages=HELLO, max_tokens=2049)
    assert (await other.stats())["requests"] == 0
    await plane.settled()


async def test_a_target_that_was_deleted_is_passed_over(spare: Any) -> None:
    plane, _, _ = spare
    route(plane, "fast", "gone", fallbacks=("gone-too", "spare"))
    answer = await plane.sdk().chat.completions.create(model="fast", **CHAT)
    assert answer.choices[0].finish_reason
    route(plane, "fast", "gone")
    with pytest.raises(openai.NotFoundError):
        await plane.sdk().chat.completions.create(model="fast", **CHAT)
    route(plane, "fast")
    with pytest.raises(openai.InternalServerError, match="has no target"):
        await plane.sdk().chat.completions.create(model="fast", **CHAT)


async def test_a_split_sends_each_user_to_one_model(spare: Any) -> None:
    plane, _, _ = spare
    route(plane, "mixed", BASE, "spare")
    seen: dict[str, set[str]] = {}
    async with plane.http() as client:
        for number in range(40):
            user = f"user-{number % 10}"
            body = CHAT | {"model": "mixed", "user": user}
            answer = await client.post("/v1/chat/completions", json=body)
            seen.setdefault(user, set()).add(answer.headers["x-argosy-model"])
    assert all(len(models) == 1 for models in seen.values())
    assert set.union(*seen.values()) == {BASE, "spare"}
