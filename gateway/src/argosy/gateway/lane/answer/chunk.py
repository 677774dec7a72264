"""The few fields of a completion, and of a stream's chunk, that metering needs.

Knows the forms of OpenAI and vLLM. Does not know what is done with them.
"""

from __future__ import annotations

from typing import Final

import msgspec
from argosy.gateway.engines.dialects.base import EngineMessage


class TokenDetails(msgspec.Struct):
    cached_tokens: int | None = None


class TokenUsage(msgspec.Struct):
    """What an engine counts. Absent fields are 0."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: TokenDetails | None = None

    @property
    def cached_tokens(self) -> int:
        """Prompt tokens that were served from the prefix cache."""
        details = self.prompt_tokens_details
        return (details.cached_tokens or 0) if details else 0


class Whole(msgspec.Struct):
    """An answer in one piece."""

    usage: TokenUsage | None = None


class Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: msgspec.Raw = msgspec.Raw(b"")


class Choice(msgspec.Struct):
    delta: Delta | None = None
    text: str | None = None

    @property
    def has_token(self) -> bool:
        if self.text:
            return True
        delta = self.delta
        return delta is not None and bool(
            delta.content
            or delta.reasoning_content
            or delta.reasoning
            or bytes(delta.tool_calls) not in {b"", b"null", b"[]"}
        )


class Chunk(msgspec.Struct):
    """An event of a stream."""

    choices: list[Choice] = []
    usage: TokenUsage | None = None
    error: EngineMessage | str | None = None


whole: Final = msgspec.json.Decoder(Whole)
chunk: Final = msgspec.json.Decoder(Chunk)
count: Final = msgspec.json.Decoder(TokenUsage)
