"""The two completion routes, from a body to an answer or to the events of a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from argosy.engine.asks import Ask, Piece
from argosy.engine.backend import Backend, Begun
from argosy.engine.counts import Counts
from argosy.engine.http.bodies import ChatBody, CompletionBody
from argosy.engine.http.shapes import Choice, Form, Json, usage
from argosy.engine.names import Names


class Completing:
    """Answers one kind of body from the model that it names; `counts` has what it took."""

    def __init__(self, names: Names, backend: Backend, counts: Counts) -> None:
        self._names = names
        self._backend = backend
        self._counts = counts

    async def whole(self, body: ChatBody | CompletionBody) -> Json:
        """Return the answer in one piece."""
        ask = body.ask()
        begun = await self._begin(body, ask)
        choices = [Choice() for _ in range(len(ask.prompts) * ask.count)]
        written = 0
        async with aclosing(self._counted(begun)) as pieces:
            async for some in pieces:
                for piece in some:
                    written += piece.tokens
                    choices[piece.choice].add(piece)
        form = _form(body, ask)
        return form.whole(choices, usage(begun.prompt_tokens, written))

    async def events(self, body: ChatBody | CompletionBody) -> AsyncGenerator[bytes, None]:
        """Yield the data of each event."""
        ask = body.ask()
        form, written, spoken = _form(body, ask), 0, set()
        chat = isinstance(body, ChatBody)
        begun = await self._begin(body, ask)
        read = begun.prompt_tokens

        def used() -> Json | None:
            return usage(read, written) if body.usage_always else None

        async with aclosing(self._counted(begun)) as pieces:
            async for some in pieces:
                for piece in some:
                    if chat and piece.choice not in spoken:
                        spoken.add(piece.choice)
                        yield msgspec.json.encode(form.first(piece.choice, used()))
                    written += piece.tokens
                    yield msgspec.json.encode(form.piece(piece, used()))
        if body.usage_at_end:
            yield msgspec.json.encode(form.last(usage(read, written)))

    async def _counted(self, begun: Begun) -> AsyncGenerator[list[Piece], None]:
        """Yield the pieces, counted as they come: whoever leaves has had them made."""
        read = begun.prompt_tokens
        async with aclosing(begun.pieces) as pieces:
            async for some in pieces:
                self._counts.read += read
                self._counts.written += sum(piece.tokens for piece in some)
                read = 0
                yield some

    async def _begin(self, body: ChatBody | CompletionBody, ask: Ask) -> Begun:
        return await self._backend.begin(self._names.find(body.model), ask)


def _form(body: ChatBody | CompletionBody, ask: Ask) -> Form:
    told = ask.sampling.logprobs is not None
    return Form(body.model, chat=isinstance(body, ChatBody), told=told)
