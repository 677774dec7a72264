"""The use case: what is refused, in which words, and what `dimensions` does."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from argosy.embedder.batcher import Batcher
from argosy.embedder.metrics import Metrics
from argosy.embedder.permits import Permits
from argosy.embedder.usecases.embed import EmbedTexts, Served, shorten
from argosy.embedder.usecases.limits import Limits
from argosy.kit.errors import ApiError, InvalidRequest, NotFound, RateLimited
from prometheus_client import CollectorRegistry


@pytest.fixture
def embed(
    backend: Any, batcher: Batcher, executor: ThreadPoolExecutor, metrics: Metrics
) -> EmbedTexts:
    return EmbedTexts(
        {"gated": Served(backend, batcher)},
        Limits(inputs=3, input_bytes=40, input_tokens=12, request_tokens=20),
        Permits(4, metrics.held_inputs),
        executor,
        metrics,
    )


async def test_answers_vectors_and_the_models_token_count(embed: EmbedTexts, backend: Any) -> None:
    result = await embed("gated", ["abc", "defgh"])
    assert result.prompt_tokens == 8
    expected = [backend.vector(backend.tokenize(t)) for t in ("abc", "defgh")]
    np.testing.assert_allclose(result.vectors, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("texts", "dimensions", "param", "says"),
    [
        ([], None, "input", "empty"),
        (["a"] * 4, None, "input", "4 texts; the limit is 3"),
        (["a", ""], None, "input[1]", "empty string"),
        ([""], None, "input", "empty string"),
        (["a", "猫" * 14], None, "input[1]", "42 bytes; the limit is 40"),
        (["a", "b", "c" * 13], None, "input[2]", "13 tokens; the model reads at most 12"),
        (["a" * 10, "b" * 11], None, "input", "21 tokens in all; the limit of one request is 20"),
        (["a"], 0, "dimensions", "1 to 4"),
        (["a"], -1, "dimensions", "1 to 4"),
        (["a"], 5, "dimensions", "1 to 4"),
    ],
)
async def test_refusals_name_field_and_limit(
    embed: EmbedTexts, texts: list[str], dimensions: int | None, param: str, says: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await embed("gated", texts, dimensions)
    assert refused.value.param == param
    assert says in refused.value.message


async def test_an_unknown_model_is_told_what_exists(embed: EmbedTexts) -> None:
    with pytest.raises(NotFound) as refused:
        await embed("text-embedding-3-small", ["a"])
    assert "`gated`" in refused.value.message
    assert (refused.value.param, refused.value.code) == ("model", "model_not_found")


async def test_a_full_queue_refuses_at_once_and_recovers(
    embed: EmbedTexts, backend: Any, registry: CollectorRegistry
) -> None:
    backend.gate.clear()
    first = asyncio.create_task(embed("gated", ["a", "b", "c"]))
    await backend.computing()
    assert registry.get_sample_value("argosy_embedder_held_inputs") == 3
    with pytest.raises(RateLimited) as refused:
        await embed("gated", ["d", "e"])
    assert "at most 4 texts" in refused.value.message
    backend.gate.set()
    await first
    assert registry.get_sample_value("argosy_embedder_held_inputs") == 0
    await embed("gated", ["d", "e"])


async def test_a_cancelled_request_gives_its_permits_back(
    embed: EmbedTexts, backend: Any, registry: CollectorRegistry
) -> None:
    backend.gate.clear()
    request = asyncio.create_task(embed("gated", ["a", "b"]))
    await backend.computing()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    assert registry.get_sample_value("argosy_embedder_held_inputs") == 0
    assert count(registry, "cancelled") == 1


async def test_each_end_is_counted_under_its_outcome(
    embed: EmbedTexts, registry: CollectorRegistry
) -> None:
    await embed("gated", ["a"])
    for model, texts in (("gated", [""]), ("nobody", ["a"]), ("gated", ["!"])):
        with pytest.raises(ApiError):
            await embed(model, texts)
    assert [count(registry, o) for o in ("ok", "invalid", "not_found", "failed")] == [1, 1, 1, 1]


def count(registry: CollectorRegistry, outcome: str) -> float | None:
    return registry.get_sample_value("argosy_embedder_requests_total", {"outcome": outcome})


def test_shortened_vectors_keep_direction_and_length_one() -> None:
    vectors = np.array([[3.0, 4.0, 12.0, 84.0], [1.0, 0.0, 0.0, 0.0]], np.float32) / 85
    short = shorten(vectors, 2)
    np.testing.assert_allclose(short, [[0.6, 0.8], [1.0, 0.0]], rtol=1e-6)


def test_a_vector_without_a_head_stays_finite() -> None:
    assert np.isfinite(shorten(np.array([[0.0, 1.0]], np.float32), 1)).all()
