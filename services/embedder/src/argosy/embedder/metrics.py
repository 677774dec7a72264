"""What the embedder counts. Labels are closed lists: the outcomes below, the loaded models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.errors import ApiError, InvalidRequest, NotFound, RateLimited
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Outcome(StrEnum):
    """How a request ended: the closed list behind the label `outcome`."""

    OK = "ok"
    INVALID = "invalid"
    NOT_FOUND = "not_found"
    OVERLOADED = "overloaded"
    CANCELLED = "cancelled"
    FAILED = "failed"


_BY_ERROR: Final[dict[type[ApiError], Outcome]] = {
    InvalidRequest: Outcome.INVALID,
    NotFound: Outcome.NOT_FOUND,
    RateLimited: Outcome.OVERLOADED,
}


class Metrics:
    """The embedder's collectors, on one registry."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._requests = Counter(
            "argosy_embedder_requests",
            "Requests by how they ended.",
            ["outcome"],
            registry=registry,
        )
        for outcome in Outcome:
            self._requests.labels(outcome)
        self._request_seconds = Histogram(
            "argosy_embedder_request_seconds",
            "Time from the arrival of a request to its answer.",
            registry=registry,
        )
        self.inputs = Counter(
            "argosy_embedder_inputs", "Texts answered.", ["model"], registry=registry
        )
        self.tokens = Counter(
            "argosy_embedder_tokens", "Tokens of the texts answered.", ["model"], registry=registry
        )
        self.held_inputs = Gauge(
            "argosy_embedder_held_inputs", "Texts that wait or are computed.", registry=registry
        )
        self.dropped_inputs = Counter(
            "argosy_embedder_dropped_inputs",
            "Texts that were never computed, because their caller had left.",
            registry=registry,
        )
        self.batch_tokens = Histogram(
            "argosy_embedder_batch_tokens",
            "Tokens of one call of the model.",
            buckets=(16, 64, 256, 1024, 2048, 4096, 16384),
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "argosy_embedder_batch_seconds",
            "Time of one call of the model.",
            registry=registry,
        )

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count the block as one request, and time it."""
        start = self._clock.monotonic()
        outcome = Outcome.FAILED
        try:
            yield
            outcome = Outcome.OK
        except ApiError as error:
            outcome = _BY_ERROR.get(type(error), Outcome.FAILED)
            raise
        except asyncio.CancelledError:
            outcome = Outcome.CANCELLED
            raise
        finally:
            self._requests.labels(outcome).inc()
            self._request_seconds.observe(self._clock.monotonic() - start)

    @contextmanager
    def batch(self, tokens: int) -> Iterator[None]:
        """Time the block as one call of the model on `tokens` tokens."""
        start = self._clock.monotonic()
        try:
            yield
        finally:
            self.batch_tokens.observe(tokens)
            self.batch_seconds.observe(self._clock.monotonic() - start)
