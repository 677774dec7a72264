"""The use case: texts in, vectors out.

The order is the point: cheap checks, then a permit, then the processor. A caller who leaves is
noticed between any two steps, and what waits for it is never computed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import numpy as np
from argosy.embedder.backends.contract import Backend, Matrix, Tokens
from argosy.embedder.batcher import Batcher
from argosy.embedder.metrics import Metrics
from argosy.embedder.permits import Permits
from argosy.embedder.usecases.limits import Limits, check_dimensions
from argosy.kit import tracing
from argosy.kit.errors import NotFound

# Texts that one call of a thread tokenizes: a cancelled request stops after at most so many.
_TOKENIZE_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Embedding:
    """`vectors` has one row of length 1 for each text, in order."""

    vectors: Matrix
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Served:
    """A model and the queue in front of it."""

    backend: Backend
    batcher: Batcher


class EmbedTexts:
    """Answers requests for embeddings of the models in `served`, by model name."""

    def __init__(
        self,
        served: Mapping[str, Served],
        limits: Limits,
        permits: Permits,
        executor: Executor,
        metrics: Metrics,
    ) -> None:
        self._served = served
        self._limits = limits
        self._permits = permits
        self._executor = executor
        self._metrics = metrics

    async def __call__(
        self, model: str, texts: Sequence[str], dimensions: int | None = None
    ) -> Embedding:
        """Embed `texts` with `model`.

        With `dimensions`, each vector is its first so many numbers, scaled to length 1 again
        (Kusupati et al., "Matryoshka Representation Learning", 2022: the form of OpenAI's API).

        Raises NotFound, InvalidRequest, RateLimited (queue full) and Internal (the model failed).
        """
        with self._metrics.request():
            served = self._find(model)
            self._limits.check_texts(texts)
            length = check_dimensions(dimensions, served.backend.dimensions)
            with self._permits.hold(len(texts)):
                with tracing.span("tokenize", attributes={"inputs": len(texts)}):
                    tokens = await self._tokenize(served.backend, texts)
                self._limits.check_tokens(tokens)
                count = sum(map(len, tokens))
                with tracing.span("embed", attributes={"tokens": count}):
                    vectors = await served.batcher.embed(tokens)
            self._metrics.inputs.labels(model).inc(len(texts))
            self._metrics.tokens.labels(model).inc(count)
            return Embedding(shorten(vectors, length), count)

    def _find(self, model: str) -> Served:
        served = self._served.get(model)
        if served is None:
            raise NotFound(
                f"The model `{model}` is not an embedding model of this service. "
                f"It has: {', '.join(f'`{name}`' for name in sorted(self._served))}.",
                param="model",
                code="model_not_found",
            )
        return served

    async def _tokenize(self, backend: Backend, texts: Sequence[str]) -> list[Tokens]:
        loop = asyncio.get_running_loop()

        def some(start: int) -> list[Tokens]:
            return [backend.tokenize(text) for text in texts[start : start + _TOKENIZE_AT_ONCE]]

        tokens: list[Tokens] = []
        for start in range(0, len(texts), _TOKENIZE_AT_ONCE):
            tokens += await loop.run_in_executor(self._executor, some, start)
        return tokens


def shorten(vectors: Matrix, length: int) -> Matrix:
    """Return the first `length` columns, each row scaled to length 1 again."""
    if length == vectors.shape[1]:
        return vectors
    head = vectors[:, :length]
    norms = np.linalg.norm(head, axis=1, keepdims=True)
    unit: Matrix = head / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit
