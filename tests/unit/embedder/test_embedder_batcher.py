"""The queue: fair turns, full batches, nothing computed for those who left, blame where due."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from argosy.embedder.batcher import Batcher
from argosy.kit.errors import Internal
from prometheus_client import CollectorRegistry

A, B, C = [7] * 4, [8] * 4, [9] * 4
POISONED = [13, 1]


@pytest.fixture
def blocked(backend: Any, batcher: Batcher) -> Any:
    """Occupy the model with a first request, so that what follows queues up."""

    async def start() -> asyncio.Task[Any]:
        backend.gate.clear()
        first = asyncio.create_task(batcher.embed([[1]]))
        await backend.computing()
        return first

    return start


async def settle() -> None:
    """Let tasks that were just made run up to their first wait."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_vectors_come_back_in_order(backend: Any, batcher: Batcher) -> None:
    texts = [[number, 1, 2] for number in range(20, 40)]
    vectors = await batcher.embed(texts)
    np.testing.assert_allclose(vectors, [backend.vector(t) for t in texts], rtol=1e-6)
    assert all(sum(map(len, batch)) <= 10 for batch in backend.batches)


async def test_a_text_over_the_batch_size_is_a_batch_of_its_own(
    backend: Any, batcher: Batcher
) -> None:
    long = [5] * 50
    await batcher.embed([A, long, B])
    assert [len(batch) for batch in backend.batches] == [1, 1, 1]


async def test_requests_take_turns(backend: Any, batcher: Batcher, blocked: Any) -> None:
    first = await blocked()
    large = asyncio.create_task(batcher.embed([A] * 6))
    await settle()
    small = asyncio.create_task(batcher.embed([B]))
    await settle()
    backend.gate.set()
    await asyncio.gather(first, large, small)
    assert backend.batches[1] == [A, B]


async def test_who_left_is_never_computed(
    backend: Any, batcher: Batcher, blocked: Any, registry: CollectorRegistry
) -> None:
    first = await blocked()
    leaver = asyncio.create_task(batcher.embed([A, A, A]))
    stayer = asyncio.create_task(batcher.embed([B]))
    await settle()
    leaver.cancel()
    backend.gate.set()
    await asyncio.gather(first, stayer)
    assert backend.batches[1:] == [[B]]
    assert registry.get_sample_value("argosy_embedder_dropped_inputs_total") == 3


async def test_only_the_request_with_the_bad_text_fails(
    backend: Any, batcher: Batcher, blocked: Any
) -> None:
    first = await blocked()
    good = asyncio.create_task(batcher.embed([A]))
    bad = asyncio.create_task(batcher.embed([POISONED]))
    also_good = asyncio.create_task(batcher.embed([C]))
    await settle()
    backend.gate.set()
    np.testing.assert_allclose(await good, [backend.vector(A)], rtol=1e-6)
    np.testing.assert_allclose(await also_good, [backend.vector(C)], rtol=1e-6)
    with pytest.raises(Internal) as refused:
        await bad
    assert refused.value.code == "model_failed"
    await first
    # And the queue goes on.
    await batcher.embed([B])


async def test_the_rest_of_a_failed_request_is_dropped(
    backend: Any, batcher: Batcher, registry: CollectorRegistry
) -> None:
    with pytest.raises(Internal):
        await batcher.embed([POISONED, A, A, A, A, A])
    await batcher.embed([B])
    computed = [tokens for batch in backend.batches[1:] for tokens in batch]
    assert computed == [B]
    assert registry.get_sample_value("argosy_embedder_dropped_inputs_total") == 3
