"""Adapters: resident on first use by one load, repaired when lost, dropped when deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from argosy.api.registry.v1.registry_pb2 import ENTRY_KIND_MODEL, Removal, WatchResponse
from argosy.gateway.placement.adapters import PlacementLimits

from tests.harness.lane_plane import HELLO, OTHER_KEY, until


def _removed(name: str) -> WatchResponse:
    return WatchResponse(removal=Removal(kind=ENTRY_KIND_MODEL, id=name))


async def test_one_load_however_many_ask_together(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    name = plane.add_adapter()
    await engine.fault(load_ms=200)
    sdk = plane.sdk()
    answers = await asyncio.gather(
        *(sdk.chat.completions.create(model=name, messages=HELLO, max_tokens=1) for _ in range(30))
    )
    assert {answer.model for answer in answers} == {name}
    assert (await engine.stats())["loads"] == [name]
    assert plane.value("argosy_gateway_adapter_loads_total", pool="main", result="loaded") == 1


async def test_a_client_that_leaves_does_not_stop_the_load_of_the_others(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    name = plane.add_adapter()
    await engine.fault(load_ms=500)
    sdk = plane.sdk()
    first = asyncio.create_task(sdk.chat.completions.create(model=name, messages=HELLO))
    await until(lambda: plane.drain.count == 1, "the first")
    second = asyncio.create_task(sdk.chat.completions.create(model=name, messages=HELLO))
    await until(lambda: plane.drain.count == 2, "the second")
    first.cancel()
    assert (await second).model == name
    assert (await engine.stats())["loads"] == [name]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_forgot_is_repaired_unseen(make_plane: Any, stream: bool) -> None:
    plane, (engine,) = await make_plane()
    name = plane.add_adapter()
    sdk = plane.sdk()
    await sdk.chat.completions.create(model=name, messages=HELLO)
    await engine.fault(forget_adapters=True)
    answers = await asyncio.gather(
        *(
            sdk.chat.completions.with_raw_response.create(model=name, messages=HELLO, stream=stream)
            for _ in range(10)
        )
    )
    assert all(answer.http_response.status_code == 200 for answer in answers)
    assert (await engine.stats())["loads"] == [name, name]


async def test_a_restarted_engine_is_asked_what_it_has(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    name = plane.add_adapter()
    sdk = plane.sdk()
    await sdk.chat.completions.create(model=name, messages=HELLO)
    (replica,) = plane.fleet.all_replicas()
    assert plane.placement.resident(replica, name)
    await engine.kill()
    await until(lambda: not replica.ready, "the engine's end to be noticed")
    await engine.start()
    await until(lambda: replica.ready, "its return")
    assert not plane.placement.resident(replica, name)
    assert (await sdk.chat.completions.create(model=name, messages=HELLO)).choices


async def test_a_refused_load_is_tried_elsewhere(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    name = plane.add_adapter()
    await engines[0].fault(refuse_loads=True)
    sdk = plane.sdk()
    for _ in range(6):
        assert (await sdk.chat.completions.create(model=name, messages=HELLO)).choices
    await engines[1].fault(refuse_loads=True)
    other = plane.add_adapter("ft:base-one:argosy:b:00000002")
    with pytest.raises(openai.InternalServerError) as caught:
        await sdk.chat.completions.create(model=other, messages=HELLO)
    assert caught.value.status_code == 503
    assert caught.value.code == "adapter_not_loaded"


async def test_a_deleted_model_leaves_every_engine(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    name = plane.add_adapter()
    for replica in plane.fleet.all_replicas():
        (await plane.placement.lease(plane.catalog.model("proj_a", name), (replica,))).release()
    plane.catalog.apply(_removed(name))

    async def gone() -> bool:
        return all([(await e.stats())["unloads"] == [name] for e in engines])

    await until(gone, "the unloads")
    with pytest.raises(openai.NotFoundError):
        await plane.sdk().chat.completions.create(model=name, messages=HELLO)


async def test_a_model_deleted_while_it_loads_does_not_stay(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    name = plane.add_adapter()
    await engine.fault(load_ms=300)
    request = asyncio.create_task(plane.sdk().chat.completions.create(model=name, messages=HELLO))

    async def loading() -> bool:
        return bool((await engine.stats())["loads"])

    await until(loading, "the load")
    plane.catalog.apply(_removed(name))
    with pytest.raises(openai.InternalServerError):
        await request
    assert (await engine.stats())["adapters"] == []


async def test_what_an_engine_holds_of_deleted_models_is_dropped_when_it_is_found(
    make_plane: Any,
) -> None:
    plane, (engine,) = await make_plane()
    name = plane.add_adapter()
    (replica,) = plane.fleet.all_replicas()
    (await plane.placement.lease(plane.catalog.model("proj_a", name), (replica,))).release()
    plane.catalog._models.pop(name)  # gone unheard, as over a restart of the gateway
    replica.doubt()

    async def dropped() -> bool:
        return (await engine.stats())["adapters"] == []

    await until(dropped, "the orphan's end")


async def test_the_coldest_adapter_makes_room(make_plane: Any) -> None:
    plane, (engine,) = await make_plane(placement=PlacementLimits(per_replica=2))
    names = [plane.add_adapter(f"ft:base-one:argosy:a:0000000{i}") for i in range(3)]
    sdk = plane.sdk()
    for name in names[:2]:
        await sdk.chat.completions.create(model=name, messages=HELLO, max_tokens=1)
    await sdk.chat.completions.create(model=names[0], messages=HELLO, max_tokens=1)
    await sdk.chat.completions.create(model=names[2], messages=HELLO, max_tokens=1)

    async def trimmed() -> bool:
        return (await engine.stats())["adapters"] == [names[0], names[2]]

    await until(trimmed, "the coldest to go")


async def test_another_projects_adapter_is_unknown(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    name = plane.add_adapter(project="proj_a")
    with pytest.raises(openai.NotFoundError):
        await plane.sdk(OTHER_KEY).chat.completions.create(model=name, messages=HELLO)
    assert (await engine.stats())["loads"] == []
