"""An engine's answer that has begun, in OpenAI's form, and who is told how it went.

Knows which replica gave it and what must be given back. Does not know how it was found.
"""

from __future__ import annotations

from typing import Protocol

from argosy.gateway.engines.client import Reply
from argosy.gateway.engines.connection import Sink
from argosy.gateway.engines.dialects.base import Translator
from argosy.gateway.engines.failures import EngineError, EngineTimeout
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.engines.replica import Replica
from argosy.gateway.served_model import ServedModel
from argosy.kit.errors import ApiError


class Held(Protocol):
    """What a request keeps at its replica as long as it lasts: an adapter's place."""

    def release(self) -> None:
        """Give it back."""


class Answer:
    """An engine's 200 whose first bytes are here. `close` it, however it ends."""

    __slots__ = (
        "_closed", "_failed", "_fleet", "_held", "_reply", "_translator", "engine_name",
        "explanation", "first", "model", "replica",
    )  # fmt: skip

    def __init__(
        self,
        fleet: Fleet,
        replica: Replica,
        model: ServedModel,
        reply: Reply,
        held: Held | None,
        translator: Translator | None,
    ) -> None:
        self.replica = replica
        # What was really asked, after routes and fallbacks.
        self.model = model
        # What the answer calls the model: engines that take any name tell their own.
        names = replica.card.names if replica.card.serves is None else ()
        self.engine_name = names[0] if names and translator is None else model.id
        self.first = b""
        # How it was decided, for admins who ask; see docs/routing.md.
        self.explanation = b""
        self._fleet = fleet
        self._reply = reply
        self._held = held
        self._translator = translator
        self._failed = False
        self._closed = False

    @property
    def content_type(self) -> bytes:
        """The content type of what is passed on."""
        if self._translator is not None:
            return b"application/json"
        return self._reply.headers.get(b"content-type", b"application/json")

    def came_whole(self) -> bool:
        """Take all of an answer that is no stream as `first`, if it is here."""
        body = self._reply.read_all_now()
        if body is None:
            return False
        self._take_whole(body)
        return True

    async def gather(self, deadline: float) -> None:
        """Wait for all of an answer that is no stream. Raises EngineError."""
        self._take_whole(await self._reply.read_all(deadline))

    async def begin(self, deadline: float) -> None:
        """Read something of a stream as `first`. Raises EngineError."""
        translator = self._translator
        self.first = data = await self._reply.read(deadline)
        if translator is not None:
            self.first = translator.feed(data)
            while data and not self.first:
                data = await self._reply.read(deadline)
                self.first = translator.feed(data) if data else translator.end()

    def _take_whole(self, body: bytes) -> None:
        translator = self._translator
        self.first = body if translator is None else translator.feed(body) + translator.end()

    def push(self, sink: Sink, silence: float) -> None:
        """Hand all that follows to `sink` as it comes; see `Connection.push`."""
        self._reply.push(
            sink if self._translator is None else _Translated(sink, self._translator), silence
        )

    def pause(self) -> None:
        """Slow the engine down: the client is slow."""
        self._reply.pause()

    def resume(self) -> None:
        """Read on."""
        self._reply.resume()

    def failed(self, error: EngineError | ApiError) -> None:
        """Hold it against the replica that the answer broke off."""
        if not self._failed:
            self._failed = True
            self._fleet.failed(self.replica, grave=isinstance(error, EngineTimeout))

    def close(self) -> None:
        """Let go of the engine; an answer that is not complete is aborted there."""
        if not self._closed and not self._failed:
            self._fleet.succeeded(self.replica)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the engine without a word on how it did; whoever saw it fail has told."""
        if not self._closed:
            self._closed = True
            if self.replica.ejection.out:
                self.replica.ejection.left()
            self.replica.in_flight -= 1
            self._reply.close()
            if self._held is not None:
                self._held.release()


class _Translated:
    """Stands before a sink and hands on what the translator makes of the engine's bytes."""

    def __init__(self, sink: Sink, translator: Translator) -> None:
        self._sink = sink
        self._translator = translator

    def feed(self, data: bytes, chunk: bytes = b"") -> None:
        passed = self._translator.feed(data)
        if passed:
            self._sink.feed(passed)

    def ended(self, error: EngineError | None) -> None:
        if error is None and (rest := self._translator.end()):
            self._sink.feed(rest)
        self._sink.ended(error)
