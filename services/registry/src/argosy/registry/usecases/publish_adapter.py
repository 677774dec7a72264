"""Takes a LoRA adapter: judged and written aside as it streams, then shown and made callable.

A repeat of a publish answers what the first one stored, also if its owner deleted the model in
between: what a user deleted stays deleted, however often the trainer repeats itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import ApiError, Conflict, InvalidRequest
from argosy.kit.failpoints import failpoint
from argosy.kit.outbox import Outbox
from argosy.registry.blobs.contract import AdapterStore, Sealed
from argosy.registry.domain.catalog import Change, EntryKind
from argosy.registry.domain.models import (
    Adapter,
    ModelKind,
    ServedAdapter,
    check_lineage,
)
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.intake.adapter_judge import AdapterJudge, AdapterLimits
from argosy.registry.metrics import Metrics
from argosy.registry.store import adapters, catalog, changes
from argosy.registry.usecases import news
from argosy.registry.usecases.watch import Feed


@dataclass(frozen=True, slots=True)
class Publish:
    """What the trainer says of an adapter before its bytes. `rank` 0 leaves it to the files."""

    id: str
    kind: ModelKind
    project_id: str
    base: str
    job_id: str
    step: int
    rank: int


class PublishAdapter:
    """The use case; one object a process."""

    def __init__(
        self,
        database: Database,
        store: AdapterStore,
        outbox: Outbox,
        feed: Feed,
        clock: Clock,
        limits: AdapterLimits,
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
        """Publish an adapter; `parts` are file names (str), each followed by its bytes.

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
        earlier, organization = await self._check(publish)
        if earlier is not None:
            return earlier, "repeated"
        judge = AdapterJudge(self._limits)
        async with self._store.upload() as upload:
            async for part in parts:
                if isinstance(part, str):
                    judge.begin(part)
                    await upload.begin(part)
                else:
                    await asyncio.to_thread(judge.feed, part)
                    await upload.write(part)
            rank = await asyncio.to_thread(judge.finish)
            if publish.rank not in (0, rank):
                raise InvalidRequest(
                    f"model.lora_rank is {publish.rank}, the adapter's rank is {rank}.",
                    param="model.lora_rank",
                )
            sealed = await upload.commit()
        failpoint("registry.adapter.before_row")
        return await self._record(_adapter(publish, organization, rank, sealed, self._clock))

    async def _check(self, publish: Publish) -> tuple[ServedAdapter | None, str]:
        """Return the earlier publish, if any, and the organisation that will own the model."""
        async with self._database.begin() as connection:
            projects = await catalog.projects(connection, [publish.project_id])
            bases = await catalog.base_models(connection, [publish.base])
            earlier = await adapters.find(connection, publish.id)
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
            return _same(earlier, publish), organization
        if not bases or bases[0].kind is not ModelKind.BASE:
            raise InvalidRequest(
                "model.base is not a base model of the catalogue.", param="model.base"
            )
        return None, organization

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


def _adapter(
    publish: Publish, organization: str, rank: int, sealed: Sealed, clock: Clock
) -> Adapter:
    return Adapter(
        id=publish.id,
        kind=publish.kind,
        project_id=publish.project_id,
        owned_by=organization,
        base=publish.base,
        job_id=publish.job_id,
        step=publish.step,
        rank=rank,
        folder=sealed.name,
        sha256=sealed.sha256,
        created_at=clock.now(),
    )
