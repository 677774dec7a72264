"""How rows get into a version: the draft that is named or a new one, then COPY, then the counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from argosy.api import ids
from argosy.kit.errors import Conflict
from argosy.kit.failpoints import failpoint
from argosy.registry.datasets.sets import Step, Version, VersionStatus
from argosy.registry.datasets.store import records, sets, versions
from argosy.registry.datasets.tasks import Task
from argosy.registry.datasets.usecases.shelf import dataset_in, version_in
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that wait in a file, one a line, as `copy_line` makes them."""

    path: Path

    def __iter__(self) -> Iterator[str]:
        with self.path.open(encoding="utf-8", newline="\n") as stream:
            for line in stream:
                yield line.removesuffix("\n")


async def open_version(
    connection: AsyncConnection,
    task: Task,
    wanted: str | None,
    *,
    kind: str,
    now: datetime,
    empty: bool,
) -> Version:
    """Return the draft that takes the rows, held: the one that is named, or the newest of the set.

    A published one is not touched: a new draft is made from it, without its records if `empty`.
    Raises Conflict if the set has come to hold records of another kind.
    """
    target = await dataset_in(connection, task.project_id, task.dataset_id, change=True)
    if target.kind and target.kind != kind:
        raise Conflict(
            f"The data set holds records of kind {target.kind}, not {kind}. Import these into a "
            "set of their own.",
            param="source",
            code="wrong_kind",
        )
    if not target.kind:
        await sets.update(connection, target.id, {"kind": kind})
    version_id = wanted or await _newest(connection, target.id)
    if version_id is None:
        return await _next(connection, target.id, None, now, empty=True)
    found = await version_in(connection, task.project_id, version_id, target.id)
    if found.status is VersionStatus.PUBLISHED and not wanted:
        return await _next(connection, target.id, found, now, empty=empty)
    draft = await version_in(connection, task.project_id, version_id, target.id, change=True)
    if empty:
        while await records.remove_some(connection, draft.seq, 50_000):
            pass
    return draft


async def next_version(
    connection: AsyncConnection, task: Task, parent_id: str, now: datetime
) -> Version:
    """Return a new, empty draft of the task's data set, whose lineage goes on from the parent's."""
    target = await dataset_in(connection, task.project_id, task.dataset_id, change=True)
    parent = await version_in(connection, task.project_id, parent_id, target.id)
    return await _next(connection, target.id, parent, now, empty=True)


async def put_rows(
    connection: AsyncConnection, version: Version, lines: Iterable[str], steps: Sequence[Step]
) -> Version:
    """Append the rows, add to the lineage, and bring the counts up to date."""
    first = await versions.next_position(connection, version.id)
    await records.copy(connection, version.seq, first, lines)
    failpoint("registry.dataset.after_copy")
    await versions.recount(connection, version)
    await versions.add_steps(connection, version.id, steps)
    found = await versions.find(connection, version.id)
    if found is None:
        raise LookupError("the version that rows were put into is not there")
    return found


async def _newest(connection: AsyncConnection, dataset_id: str) -> str | None:
    found = (await versions.latest(connection, [dataset_id])).get(dataset_id)
    return None if found is None else found.id


async def _next(
    connection: AsyncConnection,
    dataset_id: str,
    parent: Version | None,
    now: datetime,
    *,
    empty: bool,
) -> Version:
    lineage = [Step("create", now)] if parent is None else list(parent.steps)
    made = await versions.add(
        connection,
        ids.new_id(ids.DATASET_VERSION),
        dataset_id,
        now,
        lineage,
        "" if parent is None else parent.id,
    )
    if parent is not None and not empty:
        await records.duplicate(connection, parent.seq, made.seq)
        await versions.recount(connection, made)
    return made
