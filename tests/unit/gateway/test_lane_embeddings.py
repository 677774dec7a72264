"""`/v1/embeddings`: a pool's engine answers by the lane, all else goes to the ordinary API."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from argosy.gateway.lane.request.parameters import EMBEDDING
from openai.types import embedding_create_params

from tests.harness.lane_plane import BASE


class Ordinary:
    """The ordinary API: keeps what it is given."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert not message["more_body"]
        self.got.append((scope["method"], scope["path"], message["body"]))
        headers = [(b"content-length", b"8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ordinary"})


async def test_a_pools_engine_embeds(make_plane: Any) -> None:
    plane, (engine,) = await make_plane(arguments=("--model", "pooled-vectors"))
    sdk = plane.sdk()
    answer = await sdk.embeddings.create(model="pooled-vectors", input=["a", "b"], dimensions=4)
    assert [vector.index for vector in answer.data] == [0, 1]
    assert (await sdk.embeddings.create(model="pooled-vectors", input=[1, 2])).data
    sent = (await engine.stats())["requests"]
    assert sent == 2
    used = await plane.usage(2)
    assert [(u.operation, u.outcome, u.model) for u in used] == [
        ("embedding", "ok", "pooled-vectors")
    ] * 2
    assert used[0].input_tokens > 0
    assert used[0].output_tokens == 0
    await plane.settled()


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": 3}, "input", "invalid_type"),
        ({"dimensions": 0}, "dimensions", "integer_below_min_value"),
        ({"encoding_format": "hex"}, "encoding_format", "invalid_value"),
        ({"prompt_embeds": "x"}, "prompt_embeds", "unrecognized_request_argument"),
    ],
)
async def test_a_wrong_field_is_named(
    make_plane: Any, more: dict[str, Any], param: str, code: str
) -> None:
    plane, _ = await make_plane(engines=0)
    async with plane.http() as client:
        sent = {"model": "pooled-vectors", "input": "a"} | more
        answer = await client.post("/v1/embeddings", json=sent)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize(
    "sent",
    [
        json.dumps({"model": "vectors", "input": "a" * 100_000}).encode(),
        json.dumps({"model": BASE, "input": "a"}).encode(),
        b'{"input": "a"}',
        b"{",
        b"",
    ],
    ids=["embedder", "text model", "no model", "no JSON", "nothing"],
)
async def test_what_no_pool_embeds_is_the_ordinary_apis(make_plane: Any, sent: bytes) -> None:
    ordinary = Ordinary()
    plane, _ = await make_plane(engines=0, inner=ordinary)
    async with plane.http() as client:
        # Twice on one connection: it goes on after a request that was handed over.
        for _ in range(2):
            answer = await client.post("/v1/embeddings", content=sent)
            assert (answer.status_code, answer.content) == (200, b"ordinary")
    assert ordinary.got == [("POST", "/v1/embeddings", sent)] * 2
    await plane.settled()


async def test_an_unknown_model_and_a_wrong_key_are_refused_at_the_door(make_plane: Any) -> None:
    ordinary = Ordinary()
    plane, _ = await make_plane(engines=0, inner=ordinary)
    with pytest.raises(openai.NotFoundError):
        await plane.sdk().embeddings.create(model="none", input="a")
    with pytest.raises(openai.AuthenticationError):
        await plane.sdk("sk-wrong").embeddings.create(model="vectors", input="a")
    assert ordinary.got == []


def test_every_parameter_of_the_sdk_has_a_line() -> None:
    assert embedding_create_params.EmbeddingCreateParams.__annotations__.keys() <= EMBEDDING.keys()
