"""`/v1/rewards`: one number from a reward model, with the key, the limits and the usage of all."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.api.registry.v1.registry_pb2 import (
    ARTIFACT_REWARD,
    MODEL_KIND_TUNED,
    Model,
    WatchResponse,
)

from tests.harness.lane_plane import BASE

NAME = "ft:base-one:argosy:judge:00000001"
ASKED = {
    "model": NAME,
    "messages": [
        {"role": "user", "content": "Where to?"},
        {"role": "assistant", "content": "To the islands."},
    ],
}


async def plane_with_a_judge(make_plane: Any) -> tuple[Any, Any]:
    plane, (engine,) = await make_plane(engine="transformers")
    model = Model(
        id=NAME, kind=MODEL_KIND_TUNED, base=BASE, context_length=2048, servable=True, pool="main",
        adapter_path="/adapters/judge", weights_path="/weights/base", artifact=ARTIFACT_REWARD,
    )  # fmt: skip
    plane.catalog.apply(WatchResponse(model=model))
    return plane, engine


async def test_d42_a_reward_model_is_loaded_and_gives_one_scalar(make_plane: Any) -> None:
    plane, engine = await plane_with_a_judge(make_plane)
    async with plane.http() as http:
        answer = await http.post("/v1/rewards", json=ASKED)
    assert answer.status_code == 200, answer.text
    assert answer.json()["reward"] == 0.5
    assert answer.json()["model"] == NAME
    assert (await engine.stats())["loads"] == [NAME]
    (used,) = await plane.usage(1)
    assert (used.operation, used.outcome, used.model) == ("reward", "ok", NAME)
    assert (used.input_tokens, used.output_tokens) == (24, 0)
    await plane.settled()


@pytest.mark.parametrize(
    ("path", "changes", "status", "code"),
    [
        ("/v1/rewards", {"model": BASE}, 400, "model_not_supported"),
        ("/v1/rewards", {"model": "nobody"}, 404, "model_not_found"),
        ("/v1/rewards", {"temperature": 1}, 400, "unrecognized_request_argument"),
        ("/v1/rewards", {"messages": []}, 400, None),
        ("/v1/chat/completions", {}, 400, "model_not_supported"),
    ],
)
async def test_what_is_no_reward_is_refused(
    make_plane: Any, path: str, changes: dict[str, Any], status: int, code: str | None
) -> None:
    plane, engine = await plane_with_a_judge(make_plane)
    async with plane.http() as http:
        answer = await http.post(path, json=ASKED | changes)
        unknown = await http.post(path, json=ASKED, headers={"authorization": "Bearer sk-no"})
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["error"]["code"] == code
    assert unknown.status_code == 401
    assert (await engine.stats())["requests"] == 0
