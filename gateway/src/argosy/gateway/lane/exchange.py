"""One request from its head to its end: who, what, now or later, which engine, the answer.

Each step is another room's; this file is their order and what happens when one fails. However a
request ends, its permit is given back, its engine is let go and it is recorded once, before the
last byte of its answer leaves.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from argosy.api.registry.v1.registry_pb2 import Route
from argosy.gateway.access.caller import Caller
from argosy.gateway.access.estimate import estimated_tokens
from argosy.gateway.access.keys import UnknownKey
from argosy.gateway.access.priority import effective
from argosy.gateway.errors import (
    BodyTimeout,
    Draining,
    Outcome,
    UpstreamTimeout,
    error_body,
    outcome,
    render,
)
from argosy.gateway.lane import storing
from argosy.gateway.lane.answer.answer import Answer
from argosy.gateway.lane.answer.relay import relay_stream, relay_whole
from argosy.gateway.lane.connection.handover import HandOver
from argosy.gateway.lane.connection.heads import lines
from argosy.gateway.lane.connection.inbound import Inbound
from argosy.gateway.lane.dispatch.errand import Sender
from argosy.gateway.lane.dispatch.routes import empty, in_turn, order
from argosy.gateway.lane.drain import DRAINING, Drain
from argosy.gateway.lane.record import Course, begin, note
from argosy.gateway.lane.request.completion import (
    PATHS,
    CompletionRequest,
    Operation,
    parse,
)
from argosy.gateway.lane.request.fit import check_model
from argosy.gateway.lane.request.quick import named_model
from argosy.gateway.lane.rooms import Rooms
from argosy.gateway.lane.sampling import passed_on
from argosy.gateway.served_model import ServedModel
from argosy.gateway.steps import Steps, in_task
from argosy.kit import tracing
from argosy.kit.errors import ApiError, Internal
from argosy.kit.logs import request_id
from opentelemetry.trace import Span, SpanKind

_log = logging.getLogger(__name__)

# A name of an enumeration's member is looked up by code of its own, each time.
_OK: Final = Outcome.OK
_EMBEDDING: Final = Operation.EMBEDDING
_REWARD: Final = Operation.REWARD


class Exchange:
    """One request of the lane, run by the steps of its connection."""

    __slots__ = (
        "_course", "_drain", "_inbound", "_interruptible", "_limit_lines", "_reason", "_rooms",
        "_span", "_steps",
    )  # fmt: skip

    def __init__(self, rooms: Rooms, drain: Drain, inbound: Inbound, steps: Steps) -> None:
        self._rooms = rooms
        self._drain = drain
        self._inbound = inbound
        self._steps = steps
        self._interruptible = False
        self._reason: ApiError | None = None
        self._limit_lines = b""
        self._span: Span | None = None
        self._course = Course(inbound.operation, rooms.request_ids.new(), rooms.clock.monotonic())

    async def run(self) -> None:
        """Answer the request. Raises HandOver, or a cancellation that is not its own."""
        rooms, course, parent = self._rooms, self._course, self._inbound.head.traceparent
        request_id.set(course.request_id)
        rooms.metrics.in_flight += 1
        self._drain.entered(self)
        try:
            if rooms.sampler.wants(parent):
                await self._traced(parent)
            else:
                course.traceparent = passed_on(parent, course.request_id[-32:])
                await self._answer()
        finally:
            rooms.metrics.in_flight -= 1
            self._drain.left(self)
            if course.reservation is not None:
                course.reservation.cancel()  # without effect where it was settled

    async def _traced(self, parent: bytes) -> None:
        with tracing.span(
            f"POST {PATHS[self._course.operation]}",
            kind=SpanKind.SERVER,
            parent=parent.decode("latin-1"),
            chosen=True,
        ) as self._span:
            self._course.traceparent = tracing.traceparent().encode()
            await self._answer()

    # Ends that come from outside

    @property
    def key_id(self) -> str:
        """Whose request it is; empty while that is not known."""
        return "" if self._course.caller is None else self._course.caller.key_id

    @property
    def expiry(self) -> float:
        """The loop's time by which the present step must be over."""
        seconds = self._rooms.timeouts.total
        if not self._inbound.complete:
            seconds = min(seconds, self._rooms.limits.body_seconds)
        return self._inbound.begun + seconds

    def expire(self) -> None:
        """The present step took too long."""
        if self._inbound.complete:
            self.interrupt(
                UpstreamTimeout(
                    f"The request took longer than {self._rooms.timeouts.total:g} s, the limit of "
                    "this server. Ask for fewer tokens."
                )
            )
            return
        self.interrupt(
            BodyTimeout(
                f"The request's body did not arrive within {self._rooms.limits.body_seconds:g} s. "
                "Send it again."
            )
        )

    def interrupt(self, reason: ApiError) -> None:
        """Make the request end with `reason` wherever it waits; only the first reason counts."""
        if self._interruptible and self._reason is None and self._steps.waiting:
            self._reason = reason
            self._steps.interrupt()

    # The way

    async def _answer(self) -> None:
        """Do the work, record it, and only then let the end of the answer go."""
        try:
            self._interruptible = True
            try:
                last = await self._work()
            finally:
                self._interruptible = False
        except HandOver:
            raise
        except asyncio.CancelledError:
            if self._reason is None:
                raise
            # The cancellation was our own: it ends here, as the error that it stands for.
            self._fail(self._reason)
        except ApiError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            _log.error("request failed", exc_info=error)
            self._fail(Internal("The server had an error. Try again."))
        else:
            note(self._rooms, self._course, _OK, self._span)
            if self._course.keeping is not None and self._rooms.keep is not None:
                self._rooms.keep(self._course.keeping)
            self._inbound.finish(last)

    async def _work(self) -> bytes:
        """Return the last bytes of the answer, which are all of it if it is not a stream."""
        rooms, inbound, course = self._rooms, self._inbound, self._course
        if self._drain.closed:
            raise Draining(DRAINING)
        authorization, caller = inbound.head.authorization, None
        try:
            caller = rooms.authenticator.identify(authorization, inbound.peer)
        except UnknownKey:
            # The waiting follows outside: compiled, it would keep the exception (decision 0016).
            _log.debug("a key that memory lacks")
        if caller is None:
            caller = await in_task(rooms.authenticator.find(authorization, inbound.peer))
        course.caller = caller
        body = inbound.body if inbound.complete else await inbound.read_body()
        if inbound.operation is _EMBEDDING:
            await self._claim(caller, named_model(body))
        if rooms.admission.overloaded:
            self._turn_away(caller, named_model(body))
        request = course.request = parse(
            inbound.operation, body, rooms.salts.ending(caller.project_id)
        )
        if caller.stores_completions and inbound.operation is Operation.CHAT:
            course.keeping = storing.begin(caller, body)
        # From here on the request has what it needs of them.
        inbound.body = body = b""
        route = rooms.models.route(caller.project_id, request.model)
        if route is None:
            return await self._serve(caller, await self._find(caller, request.model), request)
        return await self._follow(route, caller, request)

    def _turn_away(self, caller: Caller, name: str | None) -> None:
        """Raise QueueFull where the model's pool has no room: under a flood before any work."""
        models = self._rooms.models
        if name is None or models.route(caller.project_id, name) is not None:
            return
        model = models.known(caller.project_id, name)
        if model is not None:
            self._rooms.admission.turn_away(model.pool, caller, caller.priority)

    async def _follow(self, route: Route, caller: Caller, request: CompletionRequest) -> bytes:
        """Serve what a route leads to, the next one where the one before cannot."""
        rooms, course = self._rooms, self._course
        names = order(route, caller.project_id, request.sticky, rooms.rng)
        if not names:
            raise empty(route)
        course.routed = True

        async def serve(name: str) -> bytes:
            return await self._serve(caller, await self._find(caller, name), request)

        def passed_over() -> None:
            rooms.metrics.fell_back(route.name)
            if course.reservation is not None:
                course.reservation.cancel()
                course.reservation = None
            course.admitted = False

        return await in_turn(names, serve, begun=lambda: course.started, passed_over=passed_over)

    async def _serve(self, caller: Caller, model: ServedModel, request: CompletionRequest) -> bytes:
        rooms, course = self._rooms, self._course
        check_model(model, request)
        if request.media:
            rooms.media.check(model.message, request.media)
        course.model = model
        reservation = course.reservation = rooms.rates.reserve(
            caller, model, _tokens(model, request)
        )
        self._limit_lines = reservation.lines()
        if request.media:
            await in_task(rooms.media.bring(request))
        priority = effective(caller.priority, request.service_tier)
        pool = model.pool
        course.asked_at = course.admitted_at = rooms.clock.monotonic()
        permit = rooms.admission.try_enter(pool, caller, priority)
        if permit is None:
            permit = await rooms.admission.enter(pool, caller, priority, self.expiry)
            course.admitted_at = rooms.clock.monotonic()
        try:
            course.admitted = True
            return await self._relay(caller, model, request, priority)
        finally:
            permit.release()

    async def _find(self, caller: Caller, name: str) -> ServedModel:
        models = self._rooms.models
        known = models.known(caller.project_id, name)
        if known is not None:
            return known
        return ServedModel(await in_task(models.find(caller.project_id, name)))

    async def _claim(self, caller: Caller, name: str | None) -> None:
        """Raise HandOver unless an engine of a pool makes the embeddings that are asked for.

        The embedder's own model is the ordinary API's, and so is what makes none.
        """
        route = self._rooms.models.route(caller.project_id, name) if name else None
        if route is not None and route.targets:
            name = route.targets[0].model_id
        model = await self._find(caller, name) if name else None
        if model is None or not model.embeds or not model.pool:
            raise HandOver

    async def _relay(
        self, caller: Caller, model: ServedModel, request: CompletionRequest, priority: int
    ) -> bytes:
        rooms, course = self._rooms, self._course
        begin(rooms, course)
        answer = await rooms.dispatcher.open(
            model,
            request,
            b"content-type: application/json\r\nx-request-id: %b\r\ntraceparent: %b\r\n"
            % (course.request_id.encode(), course.traceparent),
            Sender(
                caller.project_id, priority, caller.admin and self._inbound.head.explain == b"1"
            ),
        )
        course.model = answer.model
        try:
            if not request.stream:
                return relay_whole(
                    answer, self._inbound, self._opening(answer), course, request.model
                )
            if not course.routed:
                # No other model will be asked: a stream is long, and there are many.
                request.let_go()
            return await relay_stream(
                answer,
                self._inbound,
                self._opening(answer),
                course,
                request,
                between_tokens=rooms.timeouts.between_tokens,
                clock=rooms.clock.monotonic,
            )
        finally:
            answer.close()

    # The answer's head, and the answer to what failed

    def _opening(self, answer: Answer) -> bytes:
        """Return the headers of an engine's answer."""
        headers = self._headers()
        if self._course.routed:
            headers += b"x-argosy-model: %b\r\n" % answer.model.id.encode("latin-1", "replace")
        if answer.explanation:
            headers += b"x-argosy-route: %b\r\n" % answer.explanation
        return headers

    def _headers(self) -> bytes:
        course = self._course
        elapsed = int((self._rooms.clock.monotonic() - course.begun) * 1000 + 0.5)
        caller = course.caller
        if caller is None or not caller.organization_slug:
            return b"x-request-id: %b\r\nopenai-processing-ms: %d\r\n%b" % (
                course.request_id.encode(),
                elapsed,
                self._limit_lines,
            )
        return b"x-request-id: %b\r\nopenai-processing-ms: %d\r\nopenai-organization: %b\r\n%b" % (
            course.request_id.encode(),
            elapsed,
            caller.organization_slug.encode(),
            self._limit_lines,
        )

    def _fail(self, error: ApiError) -> None:
        """Tell the client: by a status if nothing was sent yet, else by an event at the end."""
        note(self._rooms, self._course, outcome(error), self._span)
        inbound = self._inbound
        if self._course.started:
            inbound.finish(inbound.ending(b"data: " + error_body(error) + b"\n\n"))
            return
        status, headers, body = render(error)
        if (b"connection", b"close") in headers:
            inbound.keep_alive = False
        kept = [h for h in headers if h[0] not in {b"connection", b"content-length"}]
        inbound.finish(inbound.answer(status, lines(kept) + self._headers(), body))


def _tokens(model: ServedModel, request: CompletionRequest) -> int:
    """Return the tokens that the request may use."""
    if request.operation is _REWARD:
        return request.estimated_input_tokens
    most = request.max_tokens
    return estimated_tokens(
        request.estimated_input_tokens,
        None if most is None else most[1],
        request.answers,
        model.context_length,
    )
