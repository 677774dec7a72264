"""The transformers engine counts what it makes, also for those who leave."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import msgspec
from argosy.engine.artifacts import Artifact
from argosy.engine.asks import Ask, Piece
from argosy.engine.backend import Begun, Load
from argosy.engine.counts import Counts
from argosy.engine.http.bodies import ChatBody
from argosy.engine.http.completing import Completing
from argosy.engine.metrics import exposition
from argosy.gateway.engines.dialects.base import Counts as Told
from argosy.gateway.engines.dialects.transformers import Transformers


class Ten:
    """A backend that answers ten words of two tokens to a prompt of seven."""

    async def begin(self, artifact: Artifact, ask: Ask) -> Begun:
        async def pieces() -> AsyncGenerator[list[Piece], None]:
            for number in range(10):
                finish = "stop" if number == 9 else None
                yield [Piece(0, "word ", 2, finish=finish)]

        return Begun(7, pieces())


class Names:
    def find(self, name: str) -> Artifact:
        return cast("Artifact", Path(name))


def body(*, stream: bool) -> ChatBody:
    told = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    return msgspec.convert(told, ChatBody)


async def test_what_is_made_is_counted_whoever_gets_it() -> None:
    counts = Counts()
    completing = Completing(cast("Any", Names()), cast("Any", Ten()), counts)
    answer = await completing.whole(body(stream=False))
    assert answer["usage"]["completion_tokens"] == 20
    assert counts == Counts(7, 20)
    async with aclosing(completing.events(body(stream=True))) as events:
        # The role, and two words; then the client is gone.
        for _ in range(3):
            await anext(events)
    assert counts == Counts(14, 24)
    text = exposition(Load(), counts, 1, 100.5)
    assert Transformers().gauges(text.encode()).counts == Told(14, 0, 24)
