"""A pool of our own engine: base models and results alike are loaded when they are asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from argosy.api.registry.v1.registry_pb2 import (
    ARTIFACT_FULL,
    ARTIFACT_PROMPT_TUNING,
    MODEL_KIND_BASE,
    MODEL_KIND_TUNED,
    Model,
    WatchResponse,
)

from tests.harness.lane_plane import HELLO

BLOOM = "bloomz-7b"
TUNED = ("ft:bloomz-7b:argosy:a:00000001", "ft:bloomz-7b:argosy:b:00000002")


def know(plane: Any) -> list[str]:
    """Tell the plane of a base model and of what was made of it."""
    shared: dict[str, Any] = {"context_length": 2048, "servable": True, "pool": "main"}
    models = [Model(id=BLOOM, kind=MODEL_KIND_BASE, adapter_path="/weights/bloom", **shared)]
    models += [
        Model(
            id=name, kind=MODEL_KIND_TUNED, base=BLOOM, adapter_path=f"/blobs/{name}",
            weights_path="/weights/bloom", artifact=artifact, **shared,
        )
        for name, artifact in zip(TUNED, (ARTIFACT_PROMPT_TUNING, ARTIFACT_FULL), strict=True)
    ]  # fmt: skip
    for model in models:
        plane.catalog.apply(WatchResponse(model=model))
    return [model.id for model in models]


async def ask(plane: Any, names: list[str], count: int) -> list[int]:
    """Ask for the names in turn, all together; return the statuses."""

    async def one(number: int) -> int:
        body = {"model": names[number % len(names)], "messages": HELLO, "max_tokens": 1}
        async with plane.http() as http:
            answer = await http.post("/v1/chat/completions", json=body)
        assert answer.status_code != 200 or answer.json()["model"] == body["model"]
        return int(answer.status_code)

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def test_a04_a_base_model_is_loaded_by_its_name_like_what_was_made_of_it(
    make_plane: Any,
) -> None:
    plane, (engine,) = await make_plane(engine="transformers")
    names = know(plane)
    assert set(await ask(plane, names, 12)) == {200}
    assert sorted((await engine.stats())["loads"]) == sorted(names)
    await plane.settled()


async def test_fa24_no_client_sees_a_404_of_our_engine_either(make_plane: Any) -> None:
    plane, (refusing, other) = await make_plane(engine="transformers", engines=2)
    names = know(plane)
    await refusing.fault(refuse_loads=True)
    assert set(await ask(plane, names, 24)) == {200}
    assert (await refusing.stats())["requests"] == 0
    await refusing.fault(refuse_loads=False)
    for _ in range(3):
        # As after an eviction by hand, or a restart that was not noticed yet.
        for engine in (refusing, other):
            await engine.fault(forget_adapters=True)
        assert set(await ask(plane, names, 24)) == {200}
    await plane.settled()
