"""What failing, busy and strange engines do to the choice among replicas, and to the client."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from argosy.api.registry.v1.registry_pb2 import Pool
from argosy.gateway.engines.ejection import EjectionPolicy
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.lane.dispatch.dispatcher import Timeouts
from argosy.kit.clock import SystemClock
from prometheus_client import CollectorRegistry

from tests.harness.lane_plane import BASE, HELLO, until

CHAT: dict[str, Any] = {"model": BASE, "messages": HELLO, "max_tokens": 4}
STREAM = CHAT | {"stream": True}
PATH = "/v1/chat/completions"


def fleet_of(replicas: int) -> Fleet:
    """Return a fleet of ready replicas that nobody probes."""
    fleet = Fleet(
        clock=SystemClock(), metrics=CollectorRegistry(), ejection=EjectionPolicy(base_seconds=60)
    )
    urls = [f"http://127.0.0.1:{port}" for port in range(1, replicas + 1)]
    fleet.sync([Pool(name="main", replicas=urls)])
    for replica in fleet.all_replicas():
        replica.ready = True
    return fleet


@pytest.mark.parametrize(("replicas", "most"), [(1, 0), (2, 1), (3, 1), (4, 2), (9, 4)])
def test_no_more_than_half_of_a_pool_is_set_aside(replicas: int, most: int) -> None:
    fleet = fleet_of(replicas)
    for _ in range(20):
        for replica in fleet.all_replicas():
            fleet.failed(replica, grave=True)
    out = [r for r in fleet.all_replicas() if not r.ejection.admits(fleet.now())]
    assert len(out) == most


def test_the_last_replica_that_is_up_is_not_set_aside() -> None:
    fleet = fleet_of(3)
    last, *down = fleet.all_replicas()
    for replica in down:
        replica.ready = False
    fleet.failed(last, grave=True)
    assert last.ejection.admits(fleet.now())
    down[0].ready = True
    fleet.failed(last, grave=True)
    assert not last.ejection.admits(fleet.now())


async def test_a_replica_of_another_model_is_not_asked(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=1, arguments=("--model", "another"))
    async with plane.http() as client:
        answer = await client.post(PATH, json=CHAT)
    assert answer.status_code == 503
    assert "no engine of its pool that is up has it" in answer.json()["error"]["message"]
    assert (await engines[0].stats())["requests"] == 0


async def test_a_busy_engine_is_left_alone_as_long_as_another_serves(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    await engines[0].fault(status=429)
    async with plane.http() as client:
        for _ in range(20):
            assert (await client.post(PATH, json=CHAT)).status_code == 200
        assert (await engines[0].stats())["requests"] == 1
        # It is not a broken one: it is asked again when the other one is gone.
        assert plane.value("argosy_gateway_ejections_total", pool="main") == 0
        await engines[0].fault(reset=True)
        await engines[1].kill()
        assert (await client.post(PATH, json=CHAT)).status_code == 200


async def test_a_silence_amid_a_stream_sets_aside_at_once(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2, timeouts=Timeouts(between_tokens=0.2))
    for engine in engines:
        await engine.fault(stall_after_tokens=2)
    stream = await plane.sdk().chat.completions.create(**STREAM)
    with pytest.raises(openai.APIError, match="sent nothing for too long"):
        async for _ in stream:
            pass
    assert plane.value("argosy_gateway_ejections_total", pool="main") == 1
    assert plane.value("argosy_gateway_replicas_ejected", pool="main") == 1
    await plane.settled()


async def test_streams_that_break_count_as_failures(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    for engine in engines:
        await engine.fault(error_after_tokens=1)
    async with plane.http() as client:
        for _ in range(8):
            assert "EngineCore failed" in (await client.post(PATH, json=STREAM)).text
    assert plane.value("argosy_gateway_ejections_total", pool="main") == 1


async def test_one_trial_brings_a_replica_back(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    await engines[0].fault(status=500)
    async with plane.http() as client:
        while not plane.value("argosy_gateway_ejections_total", pool="main"):
            assert (await client.post(PATH, json=CHAT)).status_code == 200
        await engines[0].fault(reset=True)
        before = (await engines[0].stats())["completed"]

        async def back() -> bool:
            assert (await client.post(PATH, json=CHAT)).status_code == 200
            return bool((await engines[0].stats())["completed"] > before)

        await until(back, "the trial")
    assert plane.value("argosy_gateway_replicas_ejected", pool="main") == 0


async def test_clients_are_asked_back_at_different_times(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=1)
    await engines[0].kill()
    waits: set[int] = set()
    async with plane.http() as client:
        for _ in range(20):
            answer = await client.post(PATH, json=CHAT)
            assert answer.status_code == 503
            if answer.json()["error"]["code"] == "no_replica_available":
                waits.add(int(answer.headers["retry-after-ms"]))
                seconds = int(answer.headers["retry-after"])
                assert seconds * 1000 >= int(answer.headers["retry-after-ms"])
    assert len(waits) > 10
    assert all(1000 <= wait <= 4000 for wait in waits)


async def test_a_stream_that_begins_well_is_trial_enough(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    await engines[0].fault(status=500)
    async with plane.http() as client:
        while not plane.value("argosy_gateway_ejections_total", pool="main"):
            assert (await client.post(PATH, json=CHAT)).status_code == 200
    for engine in engines:
        await engine.fault(reset=True, stall_after_tokens=2)
    sdk = plane.sdk()
    streams: list[Any] = []

    async def two_at_once() -> bool:
        assert len(streams) < 60, "the others did not follow the trial"
        streams.append(await sdk.chat.completions.create(**STREAM))
        return bool((await engines[0].stats())["running"] >= 2)

    await until(two_at_once, "streams at the replica that came back")
    for stream in streams:
        await stream.close()
    await plane.settled()
