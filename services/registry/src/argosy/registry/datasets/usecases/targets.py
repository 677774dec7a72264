"""What a task works on: that it is there, the project's, and in a state for this work.

Asked when the task is made; the child asks again when it lands its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from argosy.registry.datasets import parameters as p
from argosy.registry.datasets.operators.catalogue import pipeline
from argosy.registry.datasets.sources import s3, urls
from argosy.registry.datasets.tasks import Task
from argosy.registry.datasets.usecases.shelf import dataset_in, unknown, version_in
from argosy.registry.store import files
from sqlalchemy.ext.asyncio import AsyncConnection

# These change nothing, so a preset will do.
_READS = (p.Look, p.Export)


@dataclass(frozen=True, slots=True)
class Outside:
    """What the operator lets imports read beside uploads: settings of the registry."""

    s3_prefix: str
    url_hosts: str


async def check(
    connection: AsyncConnection, task: Task, asked: p.Parameters, now: datetime, outside: Outside
) -> None:
    """Raise NotFound, PermissionDenied, Conflict or RuleBroken if the task cannot be done."""
    if isinstance(asked, p.Import):
        await dataset_in(connection, task.project_id, task.dataset_id, change=True)
        if asked.version_id is not None:
            await version_in(
                connection, task.project_id, asked.version_id, task.dataset_id, change=True
            )
    elif isinstance(asked, p.OfVersion):
        if isinstance(asked, p.Clean):
            pipeline(asked.operations)
        change = isinstance(asked, p.Draft)
        await dataset_in(
            connection, task.project_id, task.dataset_id, change=not isinstance(asked, _READS)
        )
        await version_in(
            connection, task.project_id, asked.version_id, task.dataset_id, change=change
        )
    elif isinstance(asked, p.Reflow):
        await dataset_in(connection, task.project_id, task.dataset_id, change=True)
    elif isinstance(asked, p.Mix | p.Convert):
        await dataset_in(connection, task.project_id, task.dataset_id, change=True)
        wanted = (
            [s.version_id for s in asked.sources]
            if isinstance(asked, p.Mix)
            else [asked.version_id]
        )
        for version_id in wanted:
            await version_in(connection, task.project_id, version_id)
    if isinstance(asked, p.Import):
        file_id = asked.source.file_id
        if asked.source.uri is not None:
            s3.checked(asked.source.uri, task.project_id, outside.s3_prefix)
        if asked.source.url is not None:
            urls.checked(asked.source.url, outside.url_hosts)
        if file_id is not None:
            found = await files.find(connection, task.project_id, file_id, now)
            if found is None:
                raise unknown("File object", file_id, param="source.file_id")
