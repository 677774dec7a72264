"""A model by name: from memory, else once from the registry, so that a new name works at once.

Knows how not to ask too often: equal questions share one answer, and a name that does not exist
is not asked for again within a second. Does not know routes or engines.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, Protocol

from argosy.api.registry.v1.registry_pb2 import GetModelResponse, Model
from argosy.gateway.errors import echo
from argosy.gateway.upstream.recent import Recent
from argosy.kit.clock import Clock
from argosy.kit.errors import NotFound

_NEGATIVE_SECONDS: Final = 1.0
_CONCURRENT: Final = 32
# An answer that was under way while the model was deleted must not bring it back.
_TOMBSTONE_SECONDS: Final = 60.0

_PLAUSIBLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}")


class Source(Protocol):
    """Where a model is asked for."""

    async def get(self, project_id: str, model_id: str) -> GetModelResponse:
        """Raises NotFound, or Unavailable."""


def model_not_found(name: str) -> NotFound:
    """Return OpenAI's error for a name that does not exist, or is another project's."""
    return NotFound(
        f"The model `{echo(name)}` does not exist or you do not have access to it.",
        param="model",
        code="model_not_found",
    )


class ModelLookup:
    """Answers a miss of the snapshot; `learn` puts into it what was found, as of which revision."""

    def __init__(self, source: Source, learn: Callable[[Model, int], None], clock: Clock) -> None:
        self._source = source
        self._learn = learn
        self._clock = clock
        self._asking: dict[tuple[str, str], asyncio.Task[Model]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENT)
        self._absent = Recent(clock, _NEGATIVE_SECONDS)
        self._deleted = Recent(clock, _TOMBSTONE_SECONDS)

    async def find(self, project_id: str, name: str) -> Model:
        """Return the model; raises NotFound, or Unavailable if the registry does not answer."""
        key = (project_id, name)
        if not _PLAUSIBLE.fullmatch(name) or name in self._deleted or _joined(key) in self._absent:
            raise model_not_found(name)
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key), name="model lookup")
            self._asking[key] = task
            task.add_done_callback(lambda done: self._answered(key, done))
        # One caller that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def deleted(self, model_id: str) -> None:
        """Remember that the model is gone, so that a late answer does not bring it back."""
        self._deleted.add(model_id)

    async def _ask(self, key: tuple[str, str]) -> Model:
        project_id, name = key
        try:
            async with self._slots:
                answer = await self._source.get(project_id, name)
        except NotFound:
            self._absent.add(_joined(key))
            raise model_not_found(name) from None
        if name in self._deleted:
            raise model_not_found(name)
        self._learn(answer.model, answer.revision)
        return answer.model

    def _answered(self, key: tuple[str, str], task: asyncio.Task[Model]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # all who asked may be gone; the error is theirs, not the loop's


def _joined(key: tuple[str, str]) -> str:
    return "\0".join(key)
