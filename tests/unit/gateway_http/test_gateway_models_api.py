"""Models and embeddings through the stock SDK."""

from __future__ import annotations

import base64
import struct
from typing import Any

import openai
import pytest
from openai.types import CreateEmbeddingResponse, Model

TUNED = "ft:smollm2-135m-instruct:argosy::abcdefgh"
THEIRS = "ft:smollm2-135m-instruct:argosy::theirs00"
EMBEDDER = "use-multilingual-v3"


async def test_the_list_shows_shared_models_and_ones_own(fleet: Any) -> None:
    async with fleet.http() as client:
        raw = (await client.get("/v1/models")).json()
    by_id = {entry["id"]: entry for entry in raw["data"]}
    assert set(by_id) == {"smollm2-135m-instruct", EMBEDDER, TUNED}
    for entry in raw["data"]:
        Model.model_validate(entry, strict=True)
    assert by_id[TUNED]["argosy"] == {
        "kind": "tuned",
        "base": "smollm2-135m-instruct",
        "context_length": 0,
        "modalities": ["text"],
        "servable": True,
        "trainable": False,
        "state": "Ready",
        "state_reason": None,
        "artifact": "lora",
        "bytes": 0,
        "lora_rank": None,
        "virtual_tokens": None,
        "shared": False,
        "parent": None,
        "job": None,
        "step": None,
        "evaluation": None,
    }


async def test_a_tuned_model_is_deleted_and_forgotten(fleet: Any) -> None:
    sdk = fleet.sdk()
    assert (await sdk.models.retrieve(TUNED)).id == TUNED
    gone = await sdk.models.delete(TUNED)
    assert (gone.id, gone.object, gone.deleted) == (TUNED, "model", True)
    assert (fleet.catalog.deleted, fleet.models.forgotten) == ([TUNED], [TUNED])
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve(TUNED)


async def test_a_base_model_cannot_be_deleted(fleet: Any) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="cannot be deleted"):
        await fleet.sdk().models.delete("smollm2-135m-instruct")
    assert fleet.catalog.deleted == []


async def test_another_projects_model_looks_unknown(fleet: Any) -> None:
    async with fleet.http() as client:
        theirs = await client.get(f"/v1/models/{THEIRS}")
        unknown = await client.get(f"/v1/models/{THEIRS.replace('theirs00', 'unknown0')}")
        refused = await client.delete(f"/v1/models/{THEIRS}")
    assert theirs.status_code == unknown.status_code == refused.status_code == 404
    assert theirs.text.replace("theirs00", "unknown0") == unknown.text
    assert theirs.json()["error"]["code"] == "model_not_found"
    assert fleet.catalog.deleted == []


async def test_the_sdk_gets_the_same_vectors_as_base64_and_as_floats(fleet: Any) -> None:
    sdk = fleet.sdk()
    default = await sdk.embeddings.create(model=EMBEDDER, input=["hello", "world"])
    floats = await sdk.embeddings.create(
        model=EMBEDDER, input=["hello", "world"], encoding_format="float"
    )
    assert [item.embedding for item in default.data] == [item.embedding for item in floats.data]
    assert [item.embedding[0] for item in floats.data] == [0.0, 1.0]
    assert (floats.usage.prompt_tokens, floats.usage.total_tokens) == (4, 4)
    used = fleet.usage[0]
    assert (used.model, used.operation, used.input_tokens) == (EMBEDDER, "embedding", 4)
    assert (used.project_id, used.key_id) == ("proj_a", "key_a")
    assert used.request_id.startswith("req_")
    assert len(fleet.usage) == 2


async def test_dimensions_and_raw_shapes(fleet: Any) -> None:
    async with fleet.http() as client:
        body = {"model": EMBEDDER, "input": "hi", "dimensions": 2}
        raw = (await client.post("/v1/embeddings", json=body)).json()
        CreateEmbeddingResponse.model_validate(raw, strict=True)
        encoded = await client.post("/v1/embeddings", json={**body, "encoding_format": "base64"})
    packed = base64.b64decode(encoded.json()["data"][0]["embedding"])
    assert list(struct.unpack("<2f", packed)) == raw["data"][0]["embedding"]


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"input": [1, 2, 3]}, "input", "Arrays of tokens are not supported"),
        ({"input": [[1, 2], [3]]}, "input", "Arrays of tokens are not supported"),
        ({"input": ""}, "input", "'input' is an empty string"),
        ({"input": ["a", ""]}, "input", "'input[1]' is an empty string"),
        ({"input": []}, "input", "The array is empty"),
        ({"input": ["a", None]}, "input", "'input[1]' is not a string"),
        ({"input": {"a": 1}}, "input", "expected a string or an array"),
        ({"input": ["a"] * 2049}, "input", "2049 items; the limit is 2048"),
        ({"dimensions": 0}, "dimensions", "at least 1"),
        ({"encoding_format": "hex"}, "encoding_format", "'hex'"),
        ({"model": "smollm2-135m-instruct"}, "model", "Use an embedding model: " + EMBEDDER),
    ],
)
async def test_a_wrong_embedding_names_its_field(
    fleet: Any, change: dict[str, Any], param: str, words: str
) -> None:
    async with fleet.http() as client:
        answer = await client.post(
            "/v1/embeddings", json={"model": EMBEDDER, "input": "a", **change}
        )
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param), error
    assert words in error["message"]


async def test_an_embedding_that_fails_is_recorded_without_cost(fleet: Any) -> None:
    async with fleet.http() as client:
        answer = await client.post("/v1/embeddings", json={"model": EMBEDDER, "input": "away"})
    assert answer.status_code == 503
    (used,) = fleet.usage
    assert (used.outcome, used.input_tokens) == ("unavailable", 0)
    assert used.request_id == answer.headers["x-request-id"]


async def test_an_unknown_model_does_not_embed(fleet: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist or you do not have access"):
        await fleet.sdk().embeddings.create(model="nope", input="a")
