"""A client's connection: the lane's requests are served on it, all others go on to the ASGI app.

Knows HTTP/1.1 as uvicorn and llhttp read it, the order of pipelined requests, and how long a client
may take: for a head, for a body, between requests. Refuses what two readers could understand in two
ways. Does not know what a request asks.

`worker.py` serves the lane's requests of a connection, one after the other; `patience.py` has the
one timer for all of its deadlines.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from argosy.gateway.access import tokens
from argosy.gateway.errors import render
from argosy.gateway.familiar import Familiar
from argosy.gateway.lane.connection.flow import Flow, Line
from argosy.gateway.lane.connection.handover import ordinary_cycle
from argosy.gateway.lane.connection.head import Head, remember
from argosy.gateway.lane.connection.heads import lines
from argosy.gateway.lane.connection.inbound import Inbound
from argosy.gateway.lane.connection.patience import Patience
from argosy.gateway.lane.connection.refused import (
    Refused,
    bad_request,
    head_too_large,
    late_head,
    no_upgrade,
    unreadable,
)
from argosy.gateway.lane.connection.worker import Worker
from argosy.gateway.lane.request.completion import operation_at
from argosy.kit.errors import ApiError
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from argosy.gateway.lane.lane import Lane

_log = logging.getLogger(__name__)

# More than any client sends, and little enough for each of many connections to have.
_LARGEST_HEAD: Final = 64 * 1024
_MOST_HEADERS: Final = 128
_VERSIONS: Final = frozenset({"1.0", "1.1"})


class LaneProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a way of its own for the lane's routes."""

    # Beside uvicorn's dictionary, which must stay small enough to share its keys with all others.
    __slots__ = (
        "_between", "_broken", "_familiar", "_head", "_in_head", "_inbound", "_most", "_ordinary",
        "_parses", "_patience", "_ready", "_worker", "lane", "peer",
    )  # fmt: skip

    def __init__(
        self,
        lane: Lane,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.lane = lane
        self._patience = Patience(self.loop, self._out_of_patience)
        self._worker = Worker(lane, self.loop, self._patience, self)
        self.pipeline = Line()  # type: ignore[assignment]
        # What is parsed now, and what waits for the end of this read.
        self._inbound: Inbound | None = None
        self._ready: Inbound | None = None
        self._ordinary: RequestResponseCycle | None = None
        self._in_head = False
        self._head = b""
        # No message has begun that is not complete.
        self._between = True
        self._familiar = Familiar(lane.familiar)
        # A parser is as large as all else here, and what is familiar needs none.
        self._parses = lane.familiar.meaning is None
        if not self._parses:
            self.parser = None  # type: ignore[assignment]
        self._most = lane.rooms.limits.max_body_bytes
        self._broken = False
        # The client's address, without the port.
        self.peer = ""

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        self.peer = self.client[0] if self.client else ""
        self._patience.within(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        running = (self._ordinary, *(cycle for cycle, _ in self.pipeline))
        super().connection_lost(exc)
        for cycle in running:
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        self._patience.cancel()
        self._worker.lost()
        # What refers to this in a circle would stay until the collector finds it.
        self._inbound = self._ready = self._ordinary = None
        self.cycle = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        if self._between and self._again(data):
            return
        fresh = self._between
        if not self._parses:
            self._parses = True
            self.parser = httptools.HttpRequestParser(self)
            # As uvicorn has it.
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(no_upgrade())
        except httptools.HttpParserError as error:
            known = error.__context__
            _log.debug("request not read", exc_info=known or error)
            self.refuse(known.error if isinstance(known, Refused) else unreadable())
        if self._ready is not None:
            # Its body is not complete: it begins all the same, so that a wrong key costs no body.
            self._start_ready()
        if self._in_head and not self._broken:
            self._head_continues(data)
        elif fresh and self._between and self._inbound is not None:
            remember(self._familiar, data, self._inbound.head)
            self.lane.familiar = self._familiar

    def _again(self, data: bytes) -> bool:
        """Take a request whose head is the last one's, if that is what `data` is."""
        body = self._familiar.body(data, self._most)
        head = self._familiar.meaning
        if body is None or head is None:
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        inbound = self._inbound = Inbound(self, head)
        inbound.came_whole(body)
        self.cycle = cast("RequestResponseCycle", inbound)
        self._worker.start(inbound)
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        serving = self._worker.serving
        if serving is not None and serving.source is not None:
            serving.source.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        serving = self._worker.serving
        if serving is not None and serving.source is not None:
            serving.source.resume()

    # Parsing

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self._inbound = None
        self._in_head = True
        self._between = False
        self._head = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        headers, parser = self.headers, self.parser
        if len(headers) > _MOST_HEADERS:
            raise Refused(head_too_large(b"", _LARGEST_HEAD, _MOST_HEADERS))
        if parser.should_upgrade():
            raise Refused(no_upgrade())
        version = parser.get_http_version()
        if version not in _VERSIONS:
            raise Refused(bad_request("Send HTTP/1.1."))
        operation = operation_at(self.url) if parser.get_method() == b"POST" else None
        if operation is None:
            self._begin_ordinary()
            return
        recent = version != "1.0"
        head = Head(
            operation, headers, keep_alive=recent and parser.should_keep_alive(), chunked=recent
        )
        if not head.authorization and b"access_token=" in self.url:
            head.authorization = tokens.of_query(self.url.partition(b"?")[2])
        inbound = self._inbound = Inbound(self, head)
        if head.length is not None:
            inbound.announced(head.length)
        before = self.cycle
        self.cycle = cast("RequestResponseCycle", inbound)
        if before is None or before.response_complete:
            self._ready = inbound
        else:
            # Pipelined: what follows is not read before its turn has come.
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        if self._inbound is not None:
            self._inbound.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._between = True
        inbound = self._inbound
        if inbound is None:
            super().on_message_complete()
            return
        inbound.whole()
        if self._ready is inbound:
            self._start_ready()
        else:
            self._worker.complete(inbound)

    def _begin_ordinary(self) -> None:
        if self.url[:1] != b"/" and self.url != b"*":
            raise Refused(bad_request("Send the path alone in the request line, not a URL."))
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _head_continues(self, data: bytes) -> None:
        """A head is not complete at the end of a read. One that fits into a read is never here."""
        if not self._head and (self.cycle is None or self.cycle.response_complete):
            self._patience.within(self.lane.rooms.limits.body_seconds)
        self._head += data
        if len(self._head) > _LARGEST_HEAD:
            self.refuse(head_too_large(self._head, _LARGEST_HEAD, _MOST_HEADERS))

    # Serving

    def _start_asgi_task(self, cycle: RequestResponseCycle | Inbound, app: Any) -> None:
        if isinstance(cycle, Inbound):
            self._worker.start(cycle)
            return
        self._ordinary = cycle
        self._patience.forever()
        super()._start_asgi_task(cycle, app)

    def _start_ready(self) -> None:
        inbound, self._ready = self._ready, None
        if inbound is not None:
            self._worker.start(inbound)

    def answered(self, inbound: Inbound) -> None:
        """The lane's answer is written; go on to what is next."""
        if not inbound.complete:
            self._part()
        elif inbound.keep_alive:
            self.on_response_complete()
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._ordinary = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._broken:
            self._part()
        else:
            self._patience.within(self.timeout_keep_alive)

    def hand_over(self, inbound: Inbound) -> None:
        """Give a request that the ordinary API answers to the ASGI app, body and all."""
        if self.transport.is_closing():
            return
        cycle = ordinary_cycle(self, inbound)
        if self.cycle is cast("RequestResponseCycle", inbound):
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    # Refusing

    def refuse(self, error: ApiError) -> None:
        """Take nothing more from this client: `error` is the last it gets after what is due."""
        self._broken = True
        self._in_head = False
        latest = self._inbound
        if self._ready is not None:
            self._ready = None
        elif latest is not None and not latest.complete and latest is self._worker.serving:
            self._worker.interrupt(error)
            return
        elif self.pipeline and latest is not None and not latest.complete:
            self.pipeline.popleft()
            return
        elif self.cycle is not None and not self.cycle.response_complete:
            if self._worker.serving is not None or self.pipeline or not self.cycle.more_body:
                return
            # The application waits for a body that will not come.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        status, headers, body = render(error)
        self.transport.write(
            b"%b%bconnection: close\r\n\r\n%b"
            % (
                self.lane.heads.start(status, self.server_state.default_headers),
                lines([header for header in headers if header[0] != b"connection"]),
                body,
            )
        )
        self._part()

    def _part(self) -> None:
        """Close once the client has had the time to read its last answer.

        What it still sends is read and dropped: closing at once would reset the connection, and
        with it the answer.
        """
        self._broken = True
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self._patience.within(self.lane.rooms.limits.body_seconds)

    def _out_of_patience(self) -> None:
        if self.transport.is_closing() or self._worker.expire():
            return
        if self._in_head:
            self.refuse(late_head(self.lane.rooms.limits.body_seconds))
        elif self.transport.get_write_buffer_size():
            # It does not even take the end of its last answer.
            self.transport.abort()
        else:
            self.transport.close()
