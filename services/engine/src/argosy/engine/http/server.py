"""The ASGI application: who is asked, whether they may, and what an error looks like."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from argosy.engine.artifacts import read_artifact
from argosy.engine.backend import Backend
from argosy.engine.counts import Counts
from argosy.engine.errors import EngineError, Unauthorized
from argosy.engine.http.asgi import (
    Message,
    Receive,
    Send,
    disconnected,
    read,
    send_bytes,
    send_events,
    send_json,
)
from argosy.engine.http.bodies import (
    MAX_BODY_BYTES,
    ChatBody,
    CompletionBody,
    LoadBody,
    RewardBody,
    TokenizeBody,
    UnloadBody,
    parse,
)
from argosy.engine.http.completing import Completing
from argosy.engine.http.shapes import usage
from argosy.engine.metrics import exposition
from argosy.engine.names import Names

_log = logging.getLogger(__name__)

Route = Callable[[bytes, Receive, Send], Awaitable[None]]


class Server:
    """All routes. `key` is what `/v1` asks for, empty for nothing."""

    def __init__(self, names: Names, backend: Backend, key: str, started_at: float) -> None:
        self._names = names
        self._backend = backend
        self._key = key.encode()
        self._started_at = started_at
        self._counts = Counts()
        self._completing = Completing(names, backend, self._counts)
        self._routes: dict[tuple[str, str], Route] = {
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/load_lora_adapter"): self._load,
            ("POST", "/v1/unload_lora_adapter"): self._unload,
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/completions"): self._complete,
            ("POST", "/v1/rewards"): self._reward,
            ("POST", "/tokenize"): self._tokenize,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            await send_json(send, 404, {"detail": "Not Found"})
            return
        try:
            self._authorize(scope)
            body = await read(receive, MAX_BODY_BYTES) if scope["method"] == "POST" else b""
            await route(body, receive, send)
        except EngineError as error:
            if error.status >= 500 and error.status != 503:
                _log.error("%s: %s", scope["path"], error.message, exc_info=error.__cause__)
            await send_json(send, error.status, error.body())

    def _authorize(self, scope: Message) -> None:
        if not self._key or scope["path"] in ("/health", "/metrics"):
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self._key):
            raise Unauthorized("The key is missing or wrong.")

    async def _health(self, _: bytes, receive: Receive, send: Send) -> None:
        await send_bytes(send, 200, b"")

    async def _metrics(self, _: bytes, receive: Receive, send: Send) -> None:
        load, names = self._backend.load(), len(self._names.all())
        text = exposition(load, self._counts, names, self._started_at)
        await send_bytes(send, 200, text.encode(), b"text/plain; version=0.0.4")

    async def _models(self, _: bytes, receive: Receive, send: Send) -> None:
        cards = [
            {
                "id": artifact.name,
                "object": "model",
                "created": int(self._started_at),
                "owned_by": "argosy",
                "root": str(artifact.folder),
                "parent": artifact.base or None,
            }
            for artifact in self._names.all()
        ]
        await send_json(send, 200, {"object": "list", "data": cards})

    async def _load(self, raw: bytes, receive: Receive, send: Send) -> None:
        body = parse(raw, LoadBody)
        artifact = await asyncio.to_thread(
            read_artifact, body.lora_name, body.lora_path, body.base_path, body.base_name
        )
        self._names.add(artifact)
        await send_bytes(send, 200, f"Success: '{artifact.name}' added.".encode())

    async def _unload(self, raw: bytes, receive: Receive, send: Send) -> None:
        name = parse(raw, UnloadBody).lora_name
        self._backend.forget(self._names.remove(name))
        await send_bytes(send, 200, f"Success: '{name}' removed.".encode())

    async def _chat(self, raw: bytes, receive: Receive, send: Send) -> None:
        await self._answer(parse(raw, ChatBody), receive, send)

    async def _complete(self, raw: bytes, receive: Receive, send: Send) -> None:
        await self._answer(parse(raw, CompletionBody), receive, send)

    async def _answer(self, body: ChatBody | CompletionBody, receive: Receive, send: Send) -> None:
        async def work() -> None:
            if body.stream:
                async with aclosing(self._completing.events(body)) as events:
                    await send_events(send, events)
            else:
                await send_json(send, 200, await self._completing.whole(body))

        await _unless_gone(work(), receive)

    async def _reward(self, raw: bytes, receive: Receive, send: Send) -> None:
        body = parse(raw, RewardBody)
        artifact = self._names.find(body.model)

        async def work() -> None:
            reward, tokens = await self._backend.score(artifact, body.conversation())
            self._counts.read += tokens
            answer = {
                "object": "reward",
                "model": body.model,
                "reward": reward,
                "usage": usage(tokens, 0),
            }
            await send_json(send, 200, answer)

        await _unless_gone(work(), receive)

    async def _tokenize(self, raw: bytes, receive: Receive, send: Send) -> None:
        body = parse(raw, TokenizeBody)
        (tokens,) = await self._backend.tokens(self._names.find(body.model), body.ask())
        await send_json(send, 200, {"count": len(tokens), "tokens": tokens})


async def _unless_gone(work: Any, receive: Receive) -> None:
    """Do the work, and stop it where the client goes before it is done."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
    finally:
        gone.cancel()
        doing.cancel()
        await asyncio.gather(doing, gone, return_exceptions=True)
