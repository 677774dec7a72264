"""Models, embeddings: the stock SDK against the whole fleet, shapes judged by the SDK's types."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types import CreateEmbeddingResponse, Model

from tests.harness.api_fleet import ApiFleet

CHAT = "smollm2-135m-instruct"
EMBEDDER = "use-multilingual-v3"


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (sum(x * x for x in a) ** 0.5 * sum(y * y for y in b) ** 0.5)


def test_models_list_and_retrieve(fleet: ApiFleet, strictly: Any) -> None:
    raw = fleet.sdk().models.with_raw_response.list().http_response.json()
    by_id = {entry["id"]: entry for entry in raw["data"]}
    assert raw["object"] == "list"
    for entry in raw["data"]:
        strictly(Model, entry)
        assert set(entry["argosy"]) >= {
            "kind",
            "base",
            "context_length",
            "servable",
            "trainable",
        }
    assert by_id[CHAT]["argosy"]["kind"] == "base"
    assert by_id[CHAT]["argosy"]["servable"] is True
    assert by_id[CHAT]["argosy"]["trainable"] is True
    assert by_id[CHAT]["argosy"]["trainable_scales"] == ["lora"]
    assert "sft" in by_id[CHAT]["argosy"]["trainable_methods"]
    assert by_id[EMBEDDER]["argosy"]["kind"] == "embedding"
    one = fleet.sdk().models.with_raw_response.retrieve(CHAT).http_response.json()
    assert one == by_id[CHAT]


def test_an_unknown_model_is_404(fleet: ApiFleet) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        fleet.sdk().models.retrieve("ft:smollm2-135m-instruct:argosy:nobody:00000000")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_base_models_cannot_be_deleted(fleet: ApiFleet) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="cannot be deleted"):
        fleet.sdk().models.delete(CHAT)
    assert fleet.sdk().models.retrieve(CHAT).id == CHAT


def test_embeddings_as_floats_and_as_base64(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    texts = ["The ship sails to North China.", "船驶向华北。", "Butter melts in the sun."]
    by_default = sdk.embeddings.create(model=EMBEDDER, input=texts)
    raw = sdk.embeddings.with_raw_response.create(
        model=EMBEDDER, input=texts, encoding_format="float"
    ).http_response.json()
    strictly(CreateEmbeddingResponse, raw)
    assert [item["index"] for item in raw["data"]] == [0, 1, 2]
    floats = [item["embedding"] for item in raw["data"]]
    for item, vector in zip(by_default.data, floats, strict=True):
        assert item.embedding == pytest.approx(vector, abs=1e-6)
        assert len(item.embedding) == 512
    assert raw["usage"]["prompt_tokens"] == raw["usage"]["total_tokens"] > 0
    assert cosine(floats[0], floats[1]) > 0.5 > cosine(floats[0], floats[2])


def test_embeddings_shorten_on_request(fleet: ApiFleet) -> None:
    short = fleet.sdk().embeddings.create(model=EMBEDDER, input="a", dimensions=64)
    assert len(short.data[0].embedding) == 64


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1], [2]]}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"dimensions": 100_000}, "dimensions"),
        ({"dimensions": 4096}, "dimensions"),
        ({"model": CHAT}, "model"),
    ],
)
def test_wrong_embeddings_name_their_field(
    fleet: ApiFleet, change: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        fleet.sdk().embeddings.create(**{"model": EMBEDDER, "input": "a", **change})
    assert caught.value.param == param
