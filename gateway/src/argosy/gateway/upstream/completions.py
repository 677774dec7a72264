"""Stored completions, at the registry: asked for at once, stored behind the request.

What is to be stored waits in memory and is sent by one task. A gateway that is killed loses what
waits, and one whose registry is away keeps only so many: feedback is no ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import Any, Final, TypeVar

import grpc
from argosy.api.registry.v1 import completions_pb2 as pb
from argosy.api.registry.v1.completions_pb2_grpc import CompletionServiceStub
from argosy.gateway.lane.storing import Keeping
from argosy.kit.errors import ApiError, Unavailable
from argosy.kit.retry import backoff
from argosy.kit.rpc import calling
from grpc.aio import UnaryUnaryMultiCallable
from prometheus_client import CollectorRegistry, Counter

_log = logging.getLogger(__name__)

Request = TypeVar("Request")
Response = TypeVar("Response")

_SERVICE: Final = "registry"
_TIMEOUT: Final = 10.0
_WAITING: Final = 1_000
_ATTEMPTS: Final = 8


class CompletionsClient:
    """Calls of `CompletionService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.service = CompletionServiceStub(channel)

    async def ask(
        self, call: UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> Response:
        """Make one of `service`'s calls; raises the error that the registry answers."""
        with calling(_SERVICE):
            return await call(request, timeout=_TIMEOUT)


class CompletionKeeper:
    """Sends what the lane hands over, one after the other."""

    def __init__(self, client: CompletionsClient, metrics: CollectorRegistry) -> None:
        self._client = client
        self._waiting: asyncio.Queue[Keeping] = asyncio.Queue(_WAITING)
        self._stored = Counter(
            "argosy_gateway_stored_completions",
            "Completions that were to be stored, by outcome: stored, refused or dropped.",
            ["outcome"],
            registry=metrics,
        )

    def keep(self, keeping: Keeping) -> None:
        """Take a completion whose client has all of it. Does not wait."""
        try:
            self._waiting.put_nowait(keeping)
        except asyncio.QueueFull:
            self._stored.labels("dropped").inc()

    async def run(self) -> None:
        """Store until cancelled."""
        while True:
            keeping = await self._waiting.get()
            try:
                self._stored.labels(await self._store(keeping)).inc()
            finally:
                self._waiting.task_done()

    async def flush(self, seconds: float) -> None:
        """Wait until what waits is stored, for at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._waiting.join()

    async def _store(self, keeping: Keeping) -> str:
        completion = keeping.completion()
        if completion is None or not isinstance(completion.get("id"), str):
            return "refused"
        request = pb.StoreCompletionRequest(completion=_message(keeping, completion))
        delays = backoff(base=0.2, cap=5.0)
        for _ in range(_ATTEMPTS):
            try:
                await self._client.ask(self._client.service.StoreCompletion, request)
            except Unavailable:
                await asyncio.sleep(next(delays))
            except ApiError as error:
                _log.info("a completion was not stored: %s", error.code)
                return "refused"
            else:
                return "stored"
        return "dropped"


def _message(keeping: Keeping, completion: dict[str, Any]) -> pb.StoredCompletion:
    message = pb.StoredCompletion(
        id=completion["id"],
        project_id=keeping.project_id,
        model=str(completion.get("model", "")),
        messages=keeping.messages,
        completion=json.dumps(completion, ensure_ascii=False),
        metadata=keeping.metadata,
    )
    created = completion.get("created")
    message.created_at.FromSeconds(created if isinstance(created, int) else int(time.time()))
    return message
