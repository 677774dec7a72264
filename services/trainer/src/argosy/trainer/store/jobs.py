"""Rows of `jobs`: insert, read, list, move on. Knows SQL; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from argosy.trainer.domain.asked import Asked
from argosy.trainer.domain.cost import Cost
from argosy.trainer.domain.job import EarlyStop, Job, JobError
from argosy.trainer.domain.plan import Plan
from argosy.trainer.domain.states import TERMINAL, State
from argosy.trainer.store.tables import idempotency, jobs
from argosy.trainer.store.transactions import Connection


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is known of a job when it is created."""

    id: str
    project_id: str
    organization_slug: str
    key_id: str
    fingerprint: bytes
    model: str
    base: str
    tuned_model: str
    training_file: str
    validation_file: str
    result_file: str
    suffix: str
    seed: int
    metadata: Mapping[str, str]
    asked: Asked
    traceparent: str


async def insert(connection: Connection, job: NewJob) -> Job:
    values = {name: getattr(job, name) for name in NewJob.__dataclass_fields__}
    values["labels"] = dict(values.pop("metadata"))
    values["asked"] = job.asked.to_json()
    values |= {"priority": job.asked.priority, "schedule": job.asked.schedule}
    row = await connection.execute(
        jobs.insert().values(state=State.VALIDATING_FILES, **values).returning(jobs)
    )
    return to_job(row.mappings().one())


async def get(connection: Connection, project_id: str, job_id: str) -> Job | None:
    return await _one(
        connection,
        sa.select(jobs).where(jobs.c.id == job_id, jobs.c.project_id == project_id),
    )


async def lock(connection: Connection, job_id: str) -> Job | None:
    """Read a job and hold its row until the transaction ends."""
    return await _one(connection, _locked(sa.select(jobs).where(jobs.c.id == job_id)))


async def page(
    connection: Connection,
    project_id: str,
    *,
    after: str,
    limit: int,
    ascending: bool,
    metadata: Mapping[str, str],
) -> list[Job] | None:
    """Return up to `limit` jobs in order of creation; None if `after` names no job."""
    query = sa.select(jobs).where(jobs.c.project_id == project_id)
    if metadata:
        query = query.where(jobs.c.labels.contains(dict(metadata)))
    if after:
        seq = await connection.scalar(
            sa.select(jobs.c.seq).where(jobs.c.id == after, jobs.c.project_id == project_id)
        )
        if seq is None:
            return None
        query = query.where(jobs.c.seq > seq if ascending else jobs.c.seq < seq)
    query = query.order_by(jobs.c.seq if ascending else jobs.c.seq.desc()).limit(limit)
    return [to_job(row) for row in (await connection.execute(query)).mappings()]


async def update(connection: Connection, job_id: str, **values: Any) -> Job:
    """Set columns of a job. The caller holds its row, or a lease."""
    row = await connection.execute(
        jobs.update().where(jobs.c.id == job_id).values(**_columns(values)).returning(jobs)
    )
    return to_job(row.mappings().one())


async def waiting_for(connection: Connection, file_id: str, states: Sequence[State]) -> list[Job]:
    """Lock and return the jobs in `states` that need `file_id`."""
    query = sa.select(jobs).where(
        jobs.c.state.in_(states),
        sa.or_(
            jobs.c.training_file == file_id,
            jobs.c.validation_file == file_id,
            jobs.c.plan["sources"].contains([{"source": file_id}]),
        ),
    )
    rows = await connection.execute(_locked(query.order_by(jobs.c.seq)))
    return [to_job(row) for row in rows.mappings()]


async def in_states(connection: Connection, states: Sequence[State]) -> list[Job]:
    rows = await connection.execute(
        sa.select(jobs).where(jobs.c.state.in_(states)).order_by(jobs.c.seq)
    )
    return [to_job(row) for row in rows.mappings()]


async def find(connection: Connection, job_id: str) -> Job | None:
    """Read a job of any project, for the trainer's own work."""
    return await _one(connection, sa.select(jobs).where(jobs.c.id == job_id))


async def count_by_state(connection: Connection) -> dict[State, int]:
    rows = await connection.execute(sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state))
    return {State(state): count for state, count in rows}


async def recent_twin(
    connection: Connection, project_id: str, fingerprint: bytes, within: timedelta
) -> Job | None:
    """Return the newest job that the same request made within that time, if any."""
    return await _one(
        connection,
        sa.select(jobs)
        .where(
            jobs.c.project_id == project_id,
            jobs.c.fingerprint == fingerprint,
            jobs.c.created_at > sa.func.clock_timestamp() - within,
        )
        .order_by(jobs.c.seq.desc())
        .limit(1),
    )


async def keyed(connection: Connection, project_id: str, key: str) -> tuple[bytes, Job] | None:
    """Return the fingerprint and the job of an idempotency key, if it was used."""
    found = await connection.execute(
        sa.select(idempotency.c.fingerprint.label("first_fingerprint"), jobs)
        .join(jobs, jobs.c.id == idempotency.c.job_id)
        .where(idempotency.c.project_id == project_id, idempotency.c.key == key)
    )
    row = found.mappings().first()
    return None if row is None else (row["first_fingerprint"], to_job(row))


async def remember_key(
    connection: Connection, project_id: str, key: str, fingerprint: bytes, job_id: str
) -> None:
    await connection.execute(
        idempotency.insert().values(
            project_id=project_id, key=key, fingerprint=fingerprint, job_id=job_id
        )
    )


async def queue_up(connection: Connection, *names: str) -> None:
    """Wait for the transactions that named the same thing, and hold it until this one ends."""
    await connection.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("/".join(names), 0)))
    )


async def _one(connection: Connection, query: sa.Select[Any]) -> Job | None:
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else to_job(row)


def _locked(query: sa.Select[Any]) -> sa.Select[Any]:
    # FOR NO KEY UPDATE: inserts of events and checkpoints, which refer to the row, may go on.
    return query.with_for_update(key_share=True)


_SERVER_TIME: Final = sa.func.clock_timestamp()


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    if isinstance(values.get("error"), JobError):
        values["error"] = asdict(values["error"])
    if isinstance(values.get("early_stop"), EarlyStop):
        values["early_stop"] = asdict(values["early_stop"])
    for name in ("estimate", "actual"):
        if isinstance(values.get(name), Cost):
            values[name] = values[name].to_json()
    if isinstance(values.get("plan"), Plan):
        values["plan"] = values["plan"].to_json()
    if values.get("state") in TERMINAL:
        values |= {"finished_at": _SERVER_TIME, "estimated_finish": None}
    return values


def to_job(row: Mapping[Any, Any]) -> Job:
    """Read a row of `jobs`."""
    return Job(
        id=row["id"],
        project_id=row["project_id"],
        organization_slug=row["organization_slug"],
        key_id=row["key_id"],
        created_at=row["created_at"],
        state=State(row["state"]),
        model=row["model"],
        base=row["base"],
        tuned_model=row["tuned_model"],
        training_file=row["training_file"],
        validation_file=row["validation_file"],
        result_file=row["result_file"],
        suffix=row["suffix"],
        seed=row["seed"],
        metadata=row[jobs.c.labels],
        asked=Asked.from_json(row["asked"]),
        plan=Plan.from_json(row["plan"]) if row["plan"] else None,
        total_steps=row["total_steps"],
        completed_steps=row["completed_steps"],
        safe_step=row["safe_step"],
        final_step=row["final_step"],
        early_stop=EarlyStop(**row["early_stop"]) if row["early_stop"] else None,
        estimate=Cost.from_json(row["estimate"]) if row["estimate"] else None,
        actual=Cost.from_json(row["actual"]) if row["actual"] else None,
        trained_tokens=row["trained_tokens"],
        estimated_finish=row["estimated_finish"],
        finished_at=row["finished_at"],
        error=JobError(**row["error"]) if row["error"] else None,
        crashes=row["crashes"],
        switches=row["switches"],
        traceparent=row["traceparent"],
    )
