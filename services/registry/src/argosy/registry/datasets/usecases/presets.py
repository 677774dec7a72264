"""Brings the preset data sets into the database, each as a published version. Done at each start.

A set whose records are what its newest version holds is left alone; where a release has other
records, a new version comes and the old one stays as it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from argosy.api import ids
from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.blobs.contract import BlobStore
from argosy.registry.datasets.presets.catalogue import PRESETS, Preset
from argosy.registry.datasets.sets import (
    Dataset,
    RecordStatus,
    Step,
    Version,
    VersionStatus,
    characters,
)
from argosy.registry.datasets.store import records, sets, versions
from sqlalchemy.ext.asyncio import AsyncConnection

# As no random id begins: 24 characters without an underscore.
_MARK: Final = "preset_"


class PresetDatasets:
    """The use case."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        presets: Sequence[Preset] = PRESETS,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._presets = presets

    async def __call__(self) -> int:
        """Bring every set to what the release says; return how many versions came."""
        return sum([await self._bring(preset) for preset in self._presets])

    async def _bring(self, preset: Preset) -> bool:
        lines = preset.lines()
        content = "".join(f"{line}\n" for line in lines).encode()
        dataset_id = f"{ids.DATASET}{_MARK}{preset.key}"
        async with self._database.begin() as connection:
            await sets.add(connection, self._dataset(dataset_id, preset))
            # Held, so that of several replicas that start together one brings it.
            await sets.find(connection, "", dataset_id, lock=True)
            newest = (await versions.latest(connection, [dataset_id])).get(dataset_id)
            if newest is not None and newest.sha256 == hashlib.sha256(content).hexdigest():
                return False
            await self._publish(connection, preset, dataset_id, newest, lines, content)
        return True

    def _dataset(self, dataset_id: str, preset: Preset) -> Dataset:
        return Dataset(
            id=dataset_id,
            project_id="",
            name=preset.title,
            description=preset.description,
            kind=preset.kind,
            metadata=preset.metadata(),
            created_at=self._clock.now(),
        )

    async def _publish(
        self,
        connection: AsyncConnection,
        preset: Preset,
        dataset_id: str,
        newest: Version | None,
        lines: Sequence[str],
        content: bytes,
    ) -> None:
        now = self._clock.now()
        number = 1 if newest is None else newest.number + 1
        made = await versions.add(
            connection,
            f"{ids.DATASET_VERSION}{_MARK}{preset.key}_v{number}",
            dataset_id,
            now,
            [Step("create", now), Step("publish", now, {"records": len(lines)})],
            "" if newest is None else newest.id,
        )
        rows = (
            records.copy_line(RecordStatus.ANNOTATED, characters(json.loads(line)), line)
            for line in lines
        )
        await records.copy(connection, made.seq, 0, rows)
        await versions.recount(connection, made)
        async with self._blobs.upload() as blob:
            await blob.write(content)
            sealed = await blob.commit()
        await versions.update(
            connection,
            made.id,
            {
                "status": VersionStatus.PUBLISHED.value,
                "published_at": now,
                "blob": sealed.name,
                "bytes": sealed.bytes,
                "sha256": sealed.sha256,
            },
        )
