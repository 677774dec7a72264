"""From a checked request to an engine's answer that has begun: choose, make resident, ask, retry.

Knows when a second try is safe: as long as the client got nothing. A connection that could not be
opened is tried elsewhere at no cost; a try that may have reached an engine is repeated once, on
another replica, within the budget. Does not know clients.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.client import Header, Reply
from argosy.gateway.engines.dialects.base import Call
from argosy.gateway.engines.failures import (
    AdapterRefused,
    ConnectFailed,
    EngineError,
    EngineTimeout,
    MalformedAnswer,
)
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.engines.replica import Replica
from argosy.gateway.errors import (
    EngineRefused,
    NoReplica,
    UpstreamDisconnected,
    UpstreamMalformed,
    UpstreamTimeout,
)
from argosy.gateway.lane.budget import RetryBudget
from argosy.gateway.lane.refusal import refusal
from argosy.gateway.lane.request import CompletionRequest
from argosy.gateway.placement.adapters import Hold, Placement
from argosy.gateway.routing.policy import Candidate
from argosy.gateway.routing.router import Router
from argosy.kit.errors import ApiError, Unavailable
from prometheus_client import CollectorRegistry, Counter

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `total` bounds the whole request, so also an answer that comes in one piece."""

    first_byte: float = 60.0
    between_tokens: float = 30.0
    total: float = 600.0


class _Missing(Exception):
    """The engine does not know an adapter that was thought to be resident."""


class Answer:
    """An engine's 200 whose first bytes are here. `close` it, however it ends."""

    def __init__(self, fleet: Fleet, replica: Replica, reply: Reply, hold: Hold | None) -> None:
        self.replica = replica
        self.first = b""
        self._fleet = fleet
        self._reply = reply
        self._hold = hold
        self._closed = False
        replica.in_flight += 1

    @property
    def content_type(self) -> bytes:
        """The engine's content type."""
        return self._reply.headers.get(b"content-type", b"application/json")

    async def read(self, seconds: float) -> bytes:
        """Return the next bytes, b"" at the end. Raises EngineError, and holds it against it."""
        try:
            return await self._reply.read(asyncio.get_running_loop().time() + seconds)
        except EngineError:
            self._fleet.failed(self.replica)
            raise

    def close(self) -> None:
        """Let go of the engine; an answer that is not complete is aborted there."""
        if not self._closed:
            self._closed = True
            self.replica.in_flight -= 1
            self._reply.close()
            if self._hold is not None:
                self._hold.release()


def public(error: EngineError) -> ApiError:
    """Return what a client is told of a failure between the gateway and an engine."""
    if isinstance(error, EngineTimeout):
        return UpstreamTimeout(
            "The model's engine sent nothing for too long. Try again, or ask for fewer tokens."
        )
    if isinstance(error, MalformedAnswer):
        return UpstreamMalformed(
            "The model's engine sent an answer that cannot be read. Try again."
        )
    if isinstance(error, AdapterRefused):
        return NoReplica(
            "The model's adapter could not be loaded. Try again in a few seconds.",
            code="adapter_not_loaded",
        )
    return UpstreamDisconnected("The connection to the model's engine was lost. Try again.")


class Dispatcher:
    """Finds an answer for a request."""

    def __init__(
        self,
        fleet: Fleet,
        placement: Placement,
        router: Router,
        *,
        metrics: CollectorRegistry,
        timeouts: Timeouts = Timeouts(),
        budget: RetryBudget | None = None,
    ) -> None:
        self._fleet = fleet
        self._placement = placement
        self._router = router
        self._timeouts = timeouts
        self._budget = budget or RetryBudget()
        self._attempts = Counter(
            "argosy_gateway_upstream_attempts",
            "Requests sent to engines; `retry` counts those beyond a request's first.",
            ["kind"],
            registry=metrics,
        )

    async def open(
        self, model: Model, request: CompletionRequest, headers: Sequence[Header]
    ) -> Answer:
        """Return an answer whose first bytes are here, the whole of it if it is not a stream.

        Raises an ApiError once nothing more can be tried.
        """
        self._budget.request()
        tried: set[Replica] = set()
        last: ApiError | None = None
        retried = False
        while True:
            replica = self._choose(model, tried, last)
            try:
                answer = await self._ask(replica, model, request, headers)
            except (ConnectFailed, AdapterRefused) as error:
                # Nothing was asked of the engine yet: the next one costs no budget.
                if isinstance(error, ConnectFailed):
                    replica.unreachable(str(error))
                last = public(error)
            except EngineTimeout as error:
                # It may only be slow, and a second try would double its work.
                self._fleet.failed(replica)
                raise public(error) from error
            except (EngineError, ApiError) as error:
                if isinstance(error, EngineRefused):
                    raise
                # An engine with enough to do is not a broken one.
                if not isinstance(error, Unavailable):
                    self._fleet.failed(replica)
                last = public(error) if isinstance(error, EngineError) else error
                if retried or not self._budget.take():
                    raise last from error
                retried = True
            else:
                return answer
            tried.add(replica)
            _log.warning(
                "trying another replica: %s", last.message,
                extra={"pool": replica.pool, "replica": replica.url},
            )  # fmt: skip

    def _choose(self, model: Model, tried: set[Replica], last: ApiError | None) -> Replica:
        replicas = self._fleet.replicas(model.pool)
        by_url = {replica.url: replica for replica in replicas if replica not in tried}
        adapter = bool(model.adapter_path)
        chosen = self._router.choose(
            Candidate(
                url=replica.url,
                ready=replica.ready,
                ejected=self._fleet.ejected(replica),
                resident=not adapter or self._placement.resident(replica, model.id),
                in_flight=replica.in_flight,
                running=replica.gauges.running,
                waiting=replica.gauges.waiting,
            )
            for replica in by_url.values()
        )
        if chosen is not None:
            return by_url[chosen.url]
        if last is not None:
            raise last
        raise NoReplica(
            f"No engine can serve the model {model.id!r} right now: "
            + ("its pool has no replicas." if not replicas else "all its replicas are down.")
            + " Try again in a few seconds."
        )

    async def _ask(
        self,
        replica: Replica,
        model: Model,
        request: CompletionRequest,
        headers: Sequence[Header],
    ) -> Answer:
        """Ask one replica; an adapter that it has forgotten is loaded again, once."""
        try:
            return await self._attempt(replica, model, request, headers)
        except _Missing:
            _log.warning("adapter was forgotten", extra={"replica": replica.url, "model": model.id})
        try:
            return await self._attempt(replica, model, request, headers)
        except _Missing as error:
            raise AdapterRefused("The engine forgets the adapter at once.") from error

    async def _attempt(
        self,
        replica: Replica,
        model: Model,
        request: CompletionRequest,
        headers: Sequence[Header],
    ) -> Answer:
        hold = await self._placement.hold(replica, model) if model.adapter_path else None
        try:
            self._attempts.labels("any").inc()
            seconds = self._timeouts.first_byte if request.stream else self._timeouts.total
            deadline = asyncio.get_running_loop().time() + seconds
            call = Call("POST", request.path, request.body)
            reply = await replica.client.request(call, headers, deadline)
        except BaseException:
            if hold is not None:
                hold.release()
            raise
        answer = Answer(self._fleet, replica, reply, hold)
        try:
            if reply.status != 200:
                await self._refused(replica, reply, hold)
            read = reply.read if request.stream else reply.read_all
            answer.first = await read(deadline)
        except BaseException:
            answer.close()
            raise
        self._fleet.succeeded(replica)
        return answer

    async def _refused(self, replica: Replica, reply: Reply, hold: Hold | None) -> None:
        deadline = asyncio.get_running_loop().time() + self._timeouts.between_tokens
        body = await reply.read_all(deadline)
        adapters = replica.dialect.adapters
        if hold is not None and adapters and adapters.unknown_model(reply.status, body):
            hold.lost()
            raise _Missing
        error = refusal(reply.status, body)
        if not isinstance(error, EngineRefused):
            _log.warning(
                "engine refused",
                extra={"replica": replica.url, "status": reply.status, "model_pool": replica.pool},
            )
        raise error
