"""What the HTTP side needs of whatever computes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from argosy.engine.artifacts import Artifact
from argosy.engine.asks import Ask, Conversation, Piece


@dataclass(frozen=True, slots=True)
class Load:
    """Sequences at work and waiting, and the names of the models whose they are."""

    running: int = 0
    waiting: int = 0
    active: tuple[str, ...] = ()
    loaded_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Begun:
    """A request under way. `prompt_tokens`: of all prompts together. Close `pieces` to abort it."""

    prompt_tokens: int
    pieces: AsyncGenerator[list[Piece], None]


class Backend(Protocol):
    """Computes. Raises EngineError."""

    def forget(self, artifact: Artifact) -> None:
        """It is not asked for any more: free what it holds once nobody uses it."""

    async def begin(self, artifact: Artifact, ask: Ask) -> Begun:
        """Start a request; returns when its prompts are read and it has a place in the queue."""

    async def score(self, artifact: Artifact, conversation: Conversation) -> tuple[float, int]:
        """Return the number that a reward model gives a conversation, and its tokens."""

    async def tokens(self, artifact: Artifact, ask: Ask) -> list[list[int]]:
        """Return the tokens of each prompt."""

    def load(self) -> Load:
        """Tell what is going on."""

    async def close(self) -> None:
        """End all work."""
