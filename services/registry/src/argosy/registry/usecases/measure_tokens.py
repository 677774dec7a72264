"""Counts the tokens of a source for a model, once for each content and each tokenizer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakValueDictionary

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.files import Purpose
from argosy.registry.domain.measures import Counted
from argosy.registry.domain.models import CatalogModel
from argosy.registry.measuring.process import CountingProcess
from argosy.registry.measuring.token_counter import NoTokenizer, fingerprint
from argosy.registry.store import measures
from argosy.registry.usecases.files import Files
from argosy.registry.usecases.models import Models

_KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Source:
    """Records that a project may read: the digest of their bytes and a way to read them."""

    sha256: str
    read: AbstractAsyncContextManager[AsyncIterator[bytes]]


class Sources(Protocol):
    """Finds the records that an id of one kind names."""

    async def find(self, project_id: str, source_id: str) -> Source:
        """Return the source; raises NotFound, InvalidRequest if it holds no records."""
        ...


class FileSources:
    """Uploaded training files."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def find(self, project_id: str, source_id: str) -> Source:
        """Return the file's records; raises NotFound, InvalidRequest."""
        file = await self._files.get(project_id, source_id)
        if file.purpose is not Purpose.FINE_TUNE:
            raise InvalidRequest(
                f"File {file.id} has purpose {file.purpose.value}; tokens are counted in files "
                f"with purpose {Purpose.FINE_TUNE.value}.",
                param="source_id",
            )
        return Source(file.sha256, self._files.read(project_id, source_id))


class MeasureTokens:
    """The use case. `sources` goes by the prefix of the id."""

    def __init__(
        self,
        database: Database,
        models: Models,
        sources: Mapping[str, Sources],
        process: CountingProcess,
        clock: Clock,
        *,
        at_once: int,
    ) -> None:
        self._database = database
        self._models = models
        self._sources = sources
        self._process = process
        self._clock = clock
        self._slots = asyncio.Semaphore(at_once)
        # One count at a time of one content: who comes second finds it counted.
        self._counting: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, project_id: str, source_id: str, model_id: str) -> Counted:
        """Return the lengths of the source's records. Raises NotFound, InvalidRequest, Unavailable.

        A caller that goes away ends the count.
        """
        source = await self._source(project_id, source_id)
        folder = await self._weights(project_id, model_id)
        try:
            tokenizer = await asyncio.to_thread(fingerprint, folder)
        except NoTokenizer as error:
            raise _cannot_count(model_id, str(error)) from None
        async with self._alone(source.sha256, tokenizer):
            async with self._database.begin() as connection:
                known = await measures.find(connection, source.sha256, tokenizer)
            if known is not None:
                return known
            async with self._slots, source.read as pieces:
                counted = await self._process.count(folder, pieces)
            async with self._database.begin() as connection:
                await measures.keep(
                    connection, source.sha256, tokenizer, counted, self._clock.now()
                )
        return counted

    async def forget(self) -> int:
        """Remove counts that are old and return how many; a count can be made again."""
        async with self._database.begin() as connection:
            return await measures.remove_before(connection, self._clock.now() - _KEPT)

    async def _source(self, project_id: str, source_id: str) -> Source:
        for prefix, sources in self._sources.items():
            if source_id.startswith(prefix):
                return await sources.find(project_id, source_id)
        raise InvalidRequest(
            f"source_id must begin with {' or '.join(self._sources)}.", param="source_id"
        )

    async def _weights(self, project_id: str, model_id: str) -> Path:
        found = await self._models.get(project_id, model_id)
        base = found if isinstance(found, CatalogModel) else found.base
        if base is None or not base.weights_path:
            raise _cannot_count(model_id, "the catalogue names no folder of its weights")
        return Path(base.weights_path)

    @asynccontextmanager
    async def _alone(self, sha256: str, tokenizer: str) -> AsyncIterator[None]:
        lock = self._counting.setdefault((sha256, tokenizer), asyncio.Lock())
        async with lock:
            yield


def _cannot_count(model_id: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"The model '{model_id}' cannot count tokens: {reason}.", param="model")
