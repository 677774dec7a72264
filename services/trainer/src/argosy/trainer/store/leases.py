"""Who works on which job: leases by the database's clock, fenced by an epoch.

Knows SQL. Does not know what the holder does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from argosy.trainer.domain.asked import IDLE
from argosy.trainer.domain.job import Job, Lease
from argosy.trainer.domain.states import TERMINAL, State
from argosy.trainer.store.jobs import to_job
from argosy.trainer.store.tables import jobs
from argosy.trainer.store.transactions import Connection

# What is left to do in these is soon done.
_WITHOUT_TRAINING: Final = (State.VALIDATING_FILES, State.FINALIZING)


async def take(
    connection: Connection,
    states: Sequence[State],
    owner: str,
    duration: timedelta,
    *,
    quiet: bool = True,
) -> tuple[Job, Lease] | None:
    """Lease the first job in `states` that nobody holds; return it as it was before.

    The highest priority first, among equals the oldest. Unless serving is `quiet`, idle-time jobs
    that would train are passed over.
    """
    now = sa.func.clock_timestamp()
    found = await connection.execute(
        sa.select(jobs)
        .where(
            jobs.c.state.in_(states),
            sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < now),
            sa.or_(sa.literal(quiet), jobs.c.schedule != IDLE, jobs.c.state.in_(_WITHOUT_TRAINING)),
        )
        .order_by(jobs.c.priority.desc(), jobs.c.seq)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )
    row = found.mappings().first()
    if row is None:
        return None
    epoch = await connection.scalar(
        jobs.update()
        .where(jobs.c.id == row["id"])
        .values(lease_owner=owner, lease_until=now + duration, lease_epoch=jobs.c.lease_epoch + 1)
        .returning(jobs.c.lease_epoch)
    )
    return to_job(row), Lease(row["id"], owner, int(epoch or 0))


async def renew(connection: Connection, lease: Lease, duration: timedelta) -> State | None:
    """Prolong a lease and return the job's state; None if another took it over."""
    state = await connection.scalar(
        jobs.update()
        .where(jobs.c.id == lease.job_id, jobs.c.lease_epoch == lease.epoch)
        .values(lease_until=sa.func.clock_timestamp() + duration)
        .returning(jobs.c.state)
    )
    return None if state is None else State(state)


async def release(connection: Connection, lease: Lease) -> None:
    """Give a lease back, if it is still held."""
    await connection.execute(
        jobs.update()
        .where(jobs.c.id == lease.job_id, jobs.c.lease_epoch == lease.epoch)
        .values(lease_until=None, lease_owner="")
    )


async def release_all(connection: Connection, owner: str) -> int:
    """Give back what `owner` held in a life before this one; return how many."""
    result = await connection.execute(
        jobs.update()
        .where(
            jobs.c.lease_owner == owner,
            jobs.c.lease_until.is_not(None),
            jobs.c.state.not_in(list(TERMINAL)),
        )
        .values(lease_until=None, lease_owner="")
    )
    return result.rowcount


async def lock(connection: Connection, lease: Lease, states: Sequence[State]) -> Job | None:
    """Hold the job's row if the lease is still good and the job in one of `states`."""
    found = await connection.execute(
        sa.select(jobs).where(*_held(lease, states)).with_for_update(key_share=True)
    )
    row = found.mappings().first()
    return None if row is None else to_job(row)


async def holds(connection: Connection, lease: Lease, states: Sequence[State]) -> bool:
    """Tell whether the lease is still good and the job in one of `states`; locks nothing."""
    return bool(await connection.scalar(sa.select(sa.exists().where(*_held(lease, states)))))


async def is_leased(connection: Connection, job_id: str) -> bool:
    """Tell whether anybody holds the job, whatever its state."""
    return bool(
        await connection.scalar(
            sa.select(
                sa.exists().where(
                    jobs.c.id == job_id, jobs.c.lease_until > sa.func.clock_timestamp()
                )
            )
        )
    )


def _held(lease: Lease, states: Sequence[State]) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        jobs.c.id == lease.job_id,
        jobs.c.lease_epoch == lease.epoch,
        jobs.c.state.in_(states),
    )
