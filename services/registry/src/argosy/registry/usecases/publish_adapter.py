"""Takes what a run made: judged and written aside as it streams, then shown and made callable.

A repeat of a publish answers what the first one stored, also if its owner deleted the model in
between: what a user deleted stays deleted, however often the trainer repeats itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import ApiError, Conflict, InvalidRequest
from argosy.kit.failpoints import failpoint
from argosy.kit.outbox import Outbox
from argosy.registry.blobs.base_weights import read_shape, taken_over
from argosy.registry.blobs.contract import AdapterStore, AdapterUpload, Sealed
from argosy.registry.domain.artifacts import Artifact
from argosy.registry.domain.catalog import Change, EntryKind
from argosy.registry.domain.models import (
    Adapter,
    ModelKind,
    ServedAdapter,
    check_lineage,
)
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.intake.artifact_judge import ArtifactJudge
from argosy.registry.intake.artifacts import ArtifactLimits, Judge, Judged
from argosy.registry.metrics import Metrics
from argosy.registry.store import adapters, catalog, changes
from argosy.registry.usecases import news
from argosy.registry.usecases.watch import Feed

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Publish:
    """What the trainer says of an artefact before its bytes. `rank` 0 leaves it to the files."""

    id: str
    kind: ModelKind
    project_id: str
    base: str
    job_id: str
    step: int
    rank: int
    artifact: Artifact = Artifact.LORA
    parent: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Origin:
    """What the database knows of a publish: `weights` is the base's folder."""

    organization: str
    weights: str = ""
    runs_on: str = ""
    earlier: ServedAdapter | None = None


class PublishAdapter:
    """The use case; one object a process."""

    def __init__(
        self,
        database: Database,
        store: AdapterStore,
        outbox: Outbox,
        feed: Feed,
        clock: Clock,
        limits: ArtifactLimits,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._store = store
        self._outbox = outbox
        self._feed = feed
        self._clock = clock
        self._limits = limits
        self._metrics = metrics

    async def __call__(self, publish: Publish, parts: AsyncIterator[str | bytes]) -> ServedAdapter:
        """Publish an artefact; `parts` are file names (str), each followed by its bytes.

        Raises InvalidRequest, TooLarge, Conflict or RuleBroken; then nothing is kept.
        """
        try:
            served, outcome = await self._publish(publish, parts)
        except (ApiError, RuleBroken):
            self._metrics.publishes.labels("refused").inc()
            raise
        except BaseException:
            self._metrics.publishes.labels("failed").inc()
            raise
        self._metrics.publishes.labels(outcome).inc()
        return served

    async def _publish(
        self, publish: Publish, parts: AsyncIterator[str | bytes]
    ) -> tuple[ServedAdapter, str]:
        origin = await self._check(publish)
        if origin.earlier is not None:
            return origin.earlier, "repeated"
        base = await asyncio.to_thread(read_shape, origin.weights)
        judge = ArtifactJudge(publish.artifact, self._limits, base)
        async with self._store.upload() as upload:
            await _receive(judge, parts, upload)
            judged = await asyncio.to_thread(judge.finish)
            if judged.rank and publish.rank not in (0, judged.rank):
                raise InvalidRequest(
                    f"model.lora_rank is {publish.rank}, the adapter's rank is {judged.rank}.",
                    param="model.lora_rank",
                )
            for name, data in judged.files.items():
                await upload.begin(name)
                await upload.write(data)
            if judged.whole:
                for path in await asyncio.to_thread(taken_over, origin.weights):
                    await _copy(path, upload)
            sealed = await upload.commit()
        failpoint("registry.adapter.before_row")
        return await self._record(_adapter(publish, origin, judged, sealed, self._clock))

    async def _check(self, publish: Publish) -> _Origin:
        """Hold the publish to what there is; find an earlier one of the same model."""
        async with self._database.begin() as connection:
            projects = await catalog.projects(connection, [publish.project_id])
            bases = await catalog.base_models(connection, [publish.base])
            earlier = await adapters.find(connection, publish.id)
            parent = await adapters.find(connection, publish.parent) if publish.parent else None
        if not projects:
            raise InvalidRequest("The project does not exist.", param="model.project_id")
        organization = projects[0].organization_slug
        check_lineage(
            publish.id,
            publish.kind,
            base=publish.base,
            organization=organization,
            step=publish.step,
            job_id=publish.job_id,
        )
        if earlier is not None:
            return _Origin(organization, earlier=_same(earlier, publish))
        if not bases or bases[0].kind is not ModelKind.BASE:
            raise InvalidRequest(
                "model.base is not a base model of the catalogue.", param="model.base"
            )
        runs_on = _runs_on(publish, parent) if publish.parent else ""
        if runs_on and publish.artifact not in (Artifact.FULL, Artifact.COMPRESSED):
            await self._check_there(runs_on)
        return _Origin(organization, bases[0].weights_path, runs_on)

    async def _check_there(self, model_id: str) -> None:
        async with self._database.begin() as connection:
            found = await adapters.alive(connection, [model_id])
        if not found:
            raise InvalidRequest(
                f"The model '{model_id}', whose weights this one runs on, was deleted.",
                param="model.parent",
            )

    async def _record(self, adapter: Adapter) -> tuple[ServedAdapter, str]:
        # As with files: once the folder is shown, only `collect` may remove it, unless this
        # transaction proves that no row names it.
        async with self._database.begin() as connection:
            await changes.lock(connection)
            earlier = await adapters.find(connection, adapter.id)
            if earlier is None:
                await adapters.add(connection, adapter)
                await self._outbox.add(connection, news.model_published(adapter, self._clock.now()))
                await changes.append(connection, [Change(EntryKind.MODEL, adapter.id)])
                failpoint("registry.adapter.before_commit")
            served = earlier or await adapters.find(connection, adapter.id)
        if earlier is not None:
            await self._store.delete(adapter.folder)
            return earlier, "repeated"
        if served is None:
            raise AssertionError("the row was inserted in this transaction")
        self._outbox.wake()
        self._feed.wake()
        return served, "published"


def _same(earlier: ServedAdapter, publish: Publish) -> ServedAdapter:
    adapter = earlier.adapter
    if (adapter.project_id, adapter.job_id) != (publish.project_id, publish.job_id):
        raise Conflict("model.id is taken by another job's model.", param="model.id")
    return earlier


def _runs_on(publish: Publish, parent: ServedAdapter | None) -> str:
    """Return the whole model among those that training went on from; empty for the base's weights.

    A parent that was deleted while training went on is a parent still.
    """
    if parent is None or parent.adapter.project_id != publish.project_id:
        raise InvalidRequest("model.parent does not exist.", param="model.parent")
    if parent.adapter.base != publish.base:
        raise InvalidRequest("model.parent has another base model.", param="model.parent")
    return parent.adapter.id if parent.adapter.whole else parent.adapter.runs_on


async def _receive(judge: Judge, parts: AsyncIterator[str | bytes], upload: AdapterUpload) -> None:
    stored = False
    async for part in parts:
        if isinstance(part, str):
            stored = judge.begin(part)
            if stored:
                await upload.begin(part)
            continue
        await asyncio.to_thread(judge.feed, part)
        if stored:
            await upload.write(part)


async def _copy(path: Path, upload: AdapterUpload) -> None:
    await upload.begin(path.name)
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            await upload.write(chunk)


def _adapter(
    publish: Publish, origin: _Origin, judged: Judged, sealed: Sealed, clock: Clock
) -> Adapter:
    return Adapter(
        id=publish.id,
        kind=publish.kind,
        project_id=publish.project_id,
        owned_by=origin.organization,
        base=publish.base,
        job_id=publish.job_id,
        step=publish.step,
        rank=judged.rank,
        folder=sealed.name,
        sha256=sealed.sha256,
        created_at=clock.now(),
        artifact=publish.artifact,
        virtual_tokens=judged.virtual_tokens,
        bytes=sealed.bytes,
        parent=publish.parent,
        measured=publish.measured,
        runs_on="" if judged.whole else origin.runs_on,
    )
