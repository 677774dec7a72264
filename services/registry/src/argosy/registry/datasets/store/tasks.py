"""Tasks' rows and who works on them: leases by the database's clock, fenced by an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from argosy.registry.datasets.store.tables import task
from argosy.registry.datasets.tasks import Lease, Task, TaskStatus
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from sqlalchemy.ext.asyncio import AsyncConnection

_OPEN = (TaskStatus.QUEUED.value, TaskStatus.RUNNING.value)


async def add(connection: AsyncConnection, value: Task) -> None:
    """Insert a queued task."""
    await connection.execute(
        task.insert().values(
            id=value.id,
            project_id=value.project_id,
            key_id=value.key_id,
            dataset_id=value.dataset_id,
            version_id=value.version_id,
            type=value.type,
            status=value.status.value,
            parameters=value.parameters,
            created_at=value.created_at,
        )
    )


async def find(
    connection: AsyncConnection, project_id: str, task_id: str, *, lock: bool = False
) -> Task | None:
    """Return the project's task; with `lock`, hold its row."""
    query = sa.select(task).where(task.c.id == task_id, task.c.project_id == project_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else _task(row)


async def page(
    connection: AsyncConnection, project_id: str, dataset_id: str, wanted: Page
) -> tuple[list[Task], bool] | None:
    """Return a page of a project's tasks; None if `after` is unknown."""
    query = sa.select(task).where(task.c.project_id == project_id)
    if dataset_id:
        query = query.where(task.c.dataset_id == dataset_id)
    found = await accounts_pages.page(connection, query, task.c.seq, task.c.id, wanted)
    return None if found is None else ([_task(r) for r in found[0]], found[1])


async def open_count(connection: AsyncConnection, project_id: str) -> int:
    """Return how many of a project's tasks have not ended."""
    found = await connection.scalar(
        sa.select(sa.func.count()).where(task.c.project_id == project_id, task.c.status.in_(_OPEN))
    )
    return int(found or 0)


async def take(
    connection: AsyncConnection, owner: str, duration: timedelta
) -> tuple[Task, Lease] | None:
    """Lease the oldest task that waits or whose holder is gone."""
    now = sa.func.clock_timestamp()
    found = await connection.execute(
        sa.select(task)
        .where(
            task.c.status.in_(_OPEN),
            sa.or_(task.c.lease_until.is_(None), task.c.lease_until < now),
        )
        .order_by(task.c.seq)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = found.first()
    if row is None:
        return None
    changed = await connection.execute(
        task.update()
        .where(task.c.id == row.id)
        .values(
            status=TaskStatus.RUNNING.value,
            started_at=sa.func.coalesce(task.c.started_at, now),
            attempts=task.c.attempts + 1,
            lease_owner=owner,
            lease_until=now + duration,
            lease_epoch=task.c.lease_epoch + 1,
        )
        .returning(*task.c)
    )
    taken = changed.one()
    return _task(taken), Lease(taken.id, taken.lease_epoch)


async def renew(
    connection: AsyncConnection, lease: Lease, duration: timedelta, processed: int, total: int
) -> Task | None:
    """Prolong a lease, note the progress, and return the task; None if the lease is lost."""
    found = await connection.execute(
        task.update()
        .where(*_held(lease))
        .values(
            lease_until=sa.func.clock_timestamp() + duration,
            processed=sa.func.greatest(task.c.processed, processed),
            total=sa.func.greatest(task.c.total, total),
        )
        .returning(*task.c)
    )
    row = found.first()
    return None if row is None else _task(row)


async def release(connection: AsyncConnection, lease: Lease, wait: timedelta) -> None:
    """Give a task back that has not ended; nobody takes it before `wait` has passed."""
    await connection.execute(
        task.update()
        .where(*_held(lease))
        .values(
            status=TaskStatus.QUEUED.value,
            lease_owner="",
            lease_until=sa.func.clock_timestamp() + wait,
        )
    )


async def release_unspent(connection: AsyncConnection, lease: Lease) -> None:
    """Give a task back that its holder had to leave: the attempt does not count."""
    await connection.execute(
        task.update()
        .where(*_held(lease))
        .values(
            status=TaskStatus.QUEUED.value,
            attempts=task.c.attempts - 1,
            lease_owner="",
            lease_until=None,
        )
    )


async def lock(connection: AsyncConnection, lease: Lease) -> Task | None:
    """Hold the task's row if the lease is still good."""
    row = (await connection.execute(sa.select(task).where(*_held(lease)).with_for_update())).first()
    return None if row is None else _task(row)


async def by_lease(connection: AsyncConnection, lease: Lease) -> Task | None:
    """Return the task if the lease is still good."""
    row = (await connection.execute(sa.select(task).where(*_held(lease)))).first()
    return None if row is None else _task(row)


async def finish(
    connection: AsyncConnection,
    lease: Lease,
    status: TaskStatus,
    *,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    **values: Any,
) -> bool:
    """End a task; tells whether it was this lease's to end."""
    done = await connection.execute(
        task.update()
        .where(*_held(lease))
        .values(
            status=status.value,
            result=None if result is None else dict(result),
            error=None if error is None else dict(error),
            finished_at=sa.func.clock_timestamp(),
            lease_owner="",
            lease_until=None,
            **values,
        )
    )
    return bool(done.rowcount)


async def cancel_queued(connection: AsyncConnection, task_id: str, now: datetime) -> bool:
    """End a task that nobody works on; else ask its holder to. Tells whether it has ended."""
    done = await connection.execute(
        task.update()
        .where(task.c.id == task_id, task.c.status == TaskStatus.QUEUED.value)
        .values(
            status=TaskStatus.CANCELLED.value,
            cancel_requested=True,
            finished_at=now,
            lease_until=None,
        )
    )
    if done.rowcount:
        return True
    await connection.execute(
        task.update()
        .where(task.c.id == task_id, task.c.status == TaskStatus.RUNNING.value)
        .values(cancel_requested=True)
    )
    return False


def _held(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        task.c.id == lease.task_id,
        task.c.lease_epoch == lease.epoch,
        task.c.status == TaskStatus.RUNNING.value,
    )


def _task(row: accounts_pages.Row) -> Task:
    return Task(
        id=row.id,
        project_id=row.project_id,
        key_id=row.key_id,
        dataset_id=row.dataset_id,
        version_id=row.version_id,
        type=row.type,
        status=TaskStatus(row.status),
        parameters=row.parameters,
        result=row.result,
        error=row.error,
        cancel_requested=row.cancel_requested,
        processed=row.processed,
        total=row.total,
        attempts=row.attempts,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
