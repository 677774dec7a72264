"""From a checked request to an engine's answer that has begun: choose, make resident, ask, retry.

Knows when a second try is safe: as long as the client got nothing. A connection that could not be
opened is tried elsewhere at no cost; a try that may have reached an engine is repeated once, on
another replica, within the pool's budget. Does not know clients, nor other models that could answer
instead: `routes.py` does.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.client import Reply
from argosy.gateway.engines.dialects.base import RefusedInStream
from argosy.gateway.engines.failures import (
    AdapterRefused,
    ConnectFailed,
    EngineError,
    EngineTimeout,
)
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.engines.replica import Replica
from argosy.gateway.errors import EngineRefused
from argosy.gateway.lane.answer.answer import Answer
from argosy.gateway.lane.dispatch.attempts import Attempts
from argosy.gateway.lane.dispatch.errand import Errand, Sender
from argosy.gateway.lane.dispatch.explanation import explained, route_header
from argosy.gateway.lane.dispatch.pool_way import PoolWay
from argosy.gateway.lane.dispatch.refusal import late, public, refusal, retry_after, unservable
from argosy.gateway.lane.dispatch.salt import salted
from argosy.gateway.lane.request.completion import CompletionRequest
from argosy.gateway.placement.adapters import Placement
from argosy.gateway.placement.lease import Lease
from argosy.gateway.routing.policy import Ask
from argosy.gateway.routing.router import Router
from argosy.gateway.served_model import ServedModel
from argosy.gateway.steps import in_task
from argosy.kit.errors import ApiError, InvalidRequest, Unavailable
from prometheus_client import CollectorRegistry

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: until an engine begins to stream, until an answer that comes in one piece is here,
    between two tokens of a stream, and for all of a request.
    """

    first_byte: float = 60.0
    whole: float = 300.0
    between_tokens: float = 30.0
    total: float = 600.0

    def until_answer(self, *, stream: bool) -> float:
        """Return the seconds until a stream has begun, or all of an answer is here."""
        return self.first_byte if stream else self.whole


class _Missing(Exception):
    """The engine does not know an adapter that was thought to be resident."""


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
        rng: random.Random | None = None,
    ) -> None:
        self._fleet = fleet
        self._placement = placement
        self._router = router
        self._timeouts = timeouts
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, hides nothing
        self._ways: dict[str, PoolWay] = {}
        self._attempts = Attempts(metrics)

    async def open(
        self,
        model: ServedModel,
        request: CompletionRequest,
        headers: bytes,
        sender: Sender = Sender(),  # noqa: B008 - immutable
    ) -> Answer:
        """Return an answer whose first bytes are here, the whole of it if it is not a stream.

        `headers` are lines for the engine, and `request` the rest.
        Raises an ApiError once nothing more can be tried.
        """
        way = self._way(model.pool)
        way.budget.request()
        going = Errand(model, request, headers, sender, way)
        last: ApiError | None = None
        retried = False
        while True:
            lease = await self._lease(going, last) if going.adapted else None
            replica = lease.replica if lease is not None else self._choose(going, last)
            try:
                if lease is None:
                    answer = await self._attempt(replica, None, going)
                else:
                    answer = await self._ask(lease, going)
            except (ConnectFailed, AdapterRefused) as error:
                # Nothing was asked of the engine: the next one costs no budget.
                if isinstance(error, ConnectFailed):
                    replica.unreachable(str(error))
                last = public(error)
            except EngineTimeout as error:
                # It may only be slow, and a second try would double its work.
                self._fleet.failed(replica)
                seconds = self._timeouts.until_answer(stream=request.stream)
                raise late(seconds, stream=request.stream) from error
            except (EngineError, ApiError) as error:
                if isinstance(error, InvalidRequest):
                    raise
                if isinstance(error, EngineRefused):
                    self._fleet.succeeded(replica)
                    raise
                self._hold_against(replica, error)
                last = public(error) if isinstance(error, EngineError) else error
                if retried or not self._may_retry(way, model.pool):
                    raise last from error
                retried = True
            else:
                way.learn(going.prompt, replica)
                return answer
            going.tried.append(replica)
            _log.warning(
                "trying another replica: %s", last.message,
                extra={"pool": replica.pool, "replica": replica.url},
            )  # fmt: skip

    def explain(self, message: Model) -> dict[str, Any]:
        """Say what each policy thinks of each replica of the model's pool, now."""
        model = ServedModel(message)
        way = self._way(model.pool)
        replicas, now = way.replicas, self._fleet.now()
        resident = self._residency(model.id) if model.adapted else None
        ask = way.ask(model, now, resident=resident)
        placed = self._placement.explain(message) if model.adapted else None
        return explained(message, way.router, replicas, ask, placed)

    def _way(self, pool: str) -> PoolWay:
        way = self._ways.get(pool)
        members = self._fleet.members(pool)
        if way is None or way.members is not members:
            way = self._ways[pool] = PoolWay(members, self._router, way)
        return way

    def _may_retry(self, way: PoolWay, pool: str) -> bool:
        allowed = way.budget.take()
        if not allowed:
            self._attempts.refuse(pool)
        return allowed

    def _hold_against(self, replica: Replica, error: EngineError | ApiError) -> None:
        """Note a failed try. An engine with enough to do is not a broken one, and is left alone."""
        if isinstance(error, Unavailable):
            self._fleet.busy(replica, retry_after(error))
        else:
            self._fleet.failed(replica)

    # Where

    def _asked(self, going: Errand) -> Ask:
        """Return what the policies are asked."""
        return going.way.ask(
            going.model,
            self._fleet.now(),
            tried=going.tried,
            resident=self._residency(going.model.id) if going.adapted else None,
            prompt=going.prompt,
        )

    def _choose(self, going: Errand, last: ApiError | None) -> Replica:
        """Return where a request without an adapter goes. Raises ApiError."""
        way = going.way
        ask = self._asked(going)
        replica = way.router.choose(way.replicas, ask)
        if replica is None:
            raise last or unservable(going.model.id, way.replicas, ask.now, self._rng)
        if going.sender.curious:
            going.explanation = route_header(replica, way.router.explain(way.replicas, ask))
        return replica

    async def _lease(self, going: Errand, last: ApiError | None) -> Lease:
        """Return the place of an adapter where the request goes. Raises ApiError."""
        model, sender, way = going.model.message, going.sender, going.way
        ask = self._asked(going)
        usable = way.router.usable(way.replicas, ask)
        if not usable:
            raise last or unservable(model.id, way.replicas, ask.now, self._rng)
        lease = self._placement.try_lease(model, usable)
        if lease is None:
            try:
                lease = await in_task(
                    self._placement.lease(
                        model, usable, project_id=sender.project_id, priority=sender.priority
                    )
                )
            except EngineError as error:
                # Every usable replica was tried there.
                raise public(error) from error
        if sender.curious:
            verdicts = way.router.explain(way.replicas, ask)
            going.explanation = route_header(lease.replica, verdicts)
        return lease

    def _residency(self, model_id: str) -> Callable[[Any], bool]:
        return lambda replica: self._placement.resident(replica, model_id)

    # Asking

    async def _ask(self, lease: Lease, going: Errand) -> Answer:
        """Ask where the adapter is; if the engine has forgotten it, it is loaded again, once."""
        replica = lease.replica
        try:
            return await self._attempt(replica, lease, going)
        except _Missing:
            _log.warning(
                "adapter was forgotten", extra={"replica": replica.url, "model": going.model.id}
            )
        model, sender = going.model.message, going.sender
        lease = await in_task(
            self._placement.lease(
                model, (replica,), project_id=sender.project_id, priority=sender.priority
            )
        )
        try:
            return await self._attempt(replica, lease, going)
        except _Missing as error:
            raise AdapterRefused("The engine forgets the adapter at once.") from error

    async def _attempt(self, replica: Replica, lease: Lease | None, going: Errand) -> Answer:
        request, dialect = going.request, replica.dialect
        if going.asked:
            self._attempts.retries += 1
        else:
            self._attempts.first += 1
            going.asked = True
        # The loop's time is the monotonic clock's.
        deadline = self._fleet.now() + self._timeouts.until_answer(stream=request.stream)
        if replica.ejection.out:
            replica.ejection.begin(self._fleet.now())
        replica.in_flight += 1
        try:
            body = request.body_for(going.model.id)
            if request.salt and dialect.salts_cache:
                body = salted(body, request.salt)
            call = dialect.call(request.path, body, stream=request.stream)
            reply = await replica.client.request(call, going.headers, deadline)
        except BaseException:
            replica.ejection.left()
            replica.in_flight -= 1
            if lease is not None:
                lease.release()
            raise
        translator = dialect.translator(request.path, body, reply.headers, stream=request.stream)
        answer = Answer(self._fleet, replica, going.model, reply, lease, translator)
        try:
            if reply.status != 200:
                await self._refused(replica, reply, lease)
            if request.stream:
                await answer.begin(deadline)
            elif not answer.came_whole():
                await answer.gather(deadline)
        except RefusedInStream as told:
            answer.abandon()
            raise refusal(told.status, told.body) from told
        except BaseException:
            answer.abandon()
            raise
        if replica.ejection.out:
            replica.ejection.began()
        if lease is not None:
            lease.begun()
        if going.explanation:
            answer.explanation = going.explanation
        return answer

    async def _refused(self, replica: Replica, reply: Reply, lease: Lease | None) -> None:
        body = await reply.read_all(self._fleet.now() + self._timeouts.between_tokens)
        adapters = replica.dialect.adapters
        if lease is not None and adapters and adapters.unknown_model(reply.status, body):
            lease.lost()
            raise _Missing
        error = refusal(reply.status, body, reply.headers.get(b"retry-after", b""))
        if not isinstance(error, EngineRefused):
            _log.warning(
                "engine refused",
                extra={"replica": replica.url, "status": reply.status, "model_pool": replica.pool},
            )
        raise error
