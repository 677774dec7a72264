"""A model that a test can hold, watch and break; and the pieces around it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from argosy.embedder.backends.contract import Matrix, Tokens
from argosy.embedder.batcher import Batcher
from argosy.embedder.metrics import Metrics
from argosy.kit.clock import ManualClock
from prometheus_client import CollectorRegistry

POISON = 13


class GatedBackend:
    """Computes a vector that tells its text apart; waits for `gate`; fails on `POISON`."""

    model = "gated"
    dimensions = 4

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[Tokens]] = []

    def tokenize(self, text: str) -> Tokens:
        return [POISON if char == "!" else ord(char) for char in text]

    def embed(self, texts: Sequence[Tokens]) -> Matrix:
        self.batches.append(list(texts))
        self.entered.release()
        if not self.gate.wait(10):
            raise TimeoutError("the test never opened the gate")
        if any(POISON in tokens for tokens in texts):
            raise ValueError("poison")
        return np.array([self.vector(tokens) for tokens in texts], np.float32)

    @staticmethod
    def vector(tokens: Tokens) -> list[float]:
        raw = np.array([1.0, tokens[0], len(tokens), sum(tokens)])
        return list(raw / np.linalg.norm(raw))

    async def computing(self) -> None:
        """Return when the next batch has reached the model."""
        assert await asyncio.to_thread(self.entered.acquire, timeout=5)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry, ManualClock())


@pytest.fixture
def backend() -> GatedBackend:
    return GatedBackend()


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
async def batcher(
    backend: GatedBackend, executor: ThreadPoolExecutor, metrics: Metrics
) -> AsyncIterator[Batcher]:
    queue = Batcher(backend, executor, metrics, batch_tokens=10)
    running = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        backend.gate.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
