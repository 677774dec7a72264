"""Rows of `evaluations`: insert, read, list, lease, move on. Knows SQL; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from argosy.trainer.domain.evaluation.evaluation import (
    EvaluatedModel,
    Evaluation,
    EvaluationState,
    Wish,
)
from argosy.trainer.domain.job import JobError
from argosy.trainer.store.evaluation_tables import (
    evaluation_answers,
    evaluation_cases,
    evaluations,
)
from argosy.trainer.store.transactions import Connection
from sqlalchemy.dialects.postgresql import insert

_NOW: Final = sa.func.clock_timestamp()
_WORKABLE: Final = (EvaluationState.QUEUED, EvaluationState.RUNNING)
_ENDED: Final = frozenset(
    {EvaluationState.SUCCEEDED, EvaluationState.FAILED, EvaluationState.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class NewEvaluation:
    """What is known at the start. `key` is set where a job calls for it by itself."""

    id: str
    project_id: str
    job_id: str
    purpose: str
    wish: Wish
    models: tuple[EvaluatedModel, ...]
    key: str | None = None
    idempotency_key: str | None = None
    fingerprint: bytes = b""


async def add(connection: Connection, new: NewEvaluation) -> None:
    """Insert one; again under the same key changes nothing."""
    await connection.execute(
        insert(evaluations)
        .values(
            id=new.id,
            project_id=new.project_id,
            job_id=new.job_id or None,
            purpose=new.purpose,
            key=new.key,
            idempotency_key=new.idempotency_key,
            fingerprint=new.fingerprint,
            state=EvaluationState.QUEUED,
            wish=new.wish.to_json(),
            models=[asdict(model) for model in new.models],
        )
        .on_conflict_do_nothing(constraint="evaluations_once")
    )


async def get(connection: Connection, project_id: str, evaluation_id: str) -> Evaluation | None:
    return await _one(
        connection,
        _shown().where(evaluations.c.id == evaluation_id, evaluations.c.project_id == project_id),
    )


async def lock(connection: Connection, project_id: str, evaluation_id: str) -> Evaluation | None:
    """Read one and hold its row until the transaction ends."""
    query = _shown().where(
        evaluations.c.id == evaluation_id, evaluations.c.project_id == project_id
    )
    return await _one(connection, query.with_for_update(key_share=True))


async def held(connection: Connection, evaluation_id: str, epoch: int) -> Evaluation | None:
    """Hold the row if the lease is still good and there is work; else None."""
    query = _shown().where(
        evaluations.c.id == evaluation_id,
        evaluations.c.lease_epoch == epoch,
        evaluations.c.state == EvaluationState.RUNNING,
    )
    return await _one(connection, query.with_for_update(key_share=True))


async def twin(
    connection: Connection, project_id: str, fingerprint: bytes, within: timedelta
) -> Evaluation | None:
    """Return the newest one that the same request made within that time, if any."""
    return await _one(
        connection,
        _shown()
        .where(
            evaluations.c.project_id == project_id,
            evaluations.c.fingerprint == fingerprint,
            evaluations.c.created_at > _NOW - within,
        )
        .order_by(evaluations.c.seq.desc())
        .limit(1),
    )


async def keyed(
    connection: Connection, project_id: str, key: str
) -> tuple[bytes, Evaluation] | None:
    """Return the fingerprint and the evaluation of an idempotency key, if it was used."""
    query = _shown().where(
        evaluations.c.project_id == project_id, evaluations.c.idempotency_key == key
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else (row["fingerprint"], to_evaluation(row))


async def page(
    connection: Connection,
    project_id: str,
    job_id: str,
    *,
    after: str,
    limit: int,
    ascending: bool,
) -> list[Evaluation] | None:
    """Return up to `limit`, of a job or of all; None if `after` names none of the project's."""
    query = _shown().where(evaluations.c.project_id == project_id)
    if job_id:
        query = query.where(evaluations.c.job_id == job_id)
    if after:
        seq = await connection.scalar(
            sa.select(evaluations.c.seq).where(
                evaluations.c.id == after, evaluations.c.project_id == project_id
            )
        )
        if seq is None:
            return None
        query = query.where(evaluations.c.seq > seq if ascending else evaluations.c.seq < seq)
    query = query.order_by(evaluations.c.seq if ascending else evaluations.c.seq.desc())
    rows = await connection.execute(query.limit(limit))
    return [to_evaluation(row) for row in rows.mappings()]


async def finished_of(connection: Connection, job_id: str) -> list[Evaluation]:
    """Return a job's evaluations that have a result, oldest first."""
    rows = await connection.execute(
        _shown()
        .where(evaluations.c.job_id == job_id, evaluations.c.result.is_not(None))
        .order_by(evaluations.c.seq)
    )
    return [to_evaluation(row) for row in rows.mappings()]


async def take(connection: Connection, duration: timedelta) -> Evaluation | None:
    """Lease the oldest one that is due and that nobody holds, as running."""
    found = await connection.scalar(
        sa.select(evaluations.c.id)
        .where(
            evaluations.c.state.in_(_WORKABLE),
            evaluations.c.due_at <= _NOW,
            sa.or_(evaluations.c.lease_until.is_(None), evaluations.c.lease_until < _NOW),
        )
        .order_by(evaluations.c.seq)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )
    if found is None:
        return None
    await connection.execute(
        evaluations.update()
        .where(evaluations.c.id == found)
        .values(
            state=EvaluationState.RUNNING,
            lease_until=_NOW + duration,
            lease_epoch=evaluations.c.lease_epoch + 1,
        )
    )
    return await _one(connection, _shown().where(evaluations.c.id == found))


async def renew(
    connection: Connection, evaluation_id: str, epoch: int, duration: timedelta
) -> EvaluationState | None:
    """Prolong a lease and return the state; None if another took it over."""
    state = await connection.scalar(
        evaluations.update()
        .where(evaluations.c.id == evaluation_id, evaluations.c.lease_epoch == epoch)
        .values(lease_until=_NOW + duration)
        .returning(evaluations.c.state)
    )
    return None if state is None else EvaluationState(state)


async def release(
    connection: Connection, evaluation_id: str, epoch: int, *, wait: timedelta | None = None
) -> None:
    """Give a lease back; with `wait` after a try that came to nothing."""
    values: dict[str, Any] = {"lease_until": None}
    if wait is not None:
        values |= {"due_at": _NOW + wait, "attempts": evaluations.c.attempts + 1}
    await connection.execute(
        evaluations.update()
        .where(evaluations.c.id == evaluation_id, evaluations.c.lease_epoch == epoch)
        .values(**values)
    )


async def update(connection: Connection, evaluation_id: str, **values: Any) -> None:
    """Set columns. The caller holds the row."""
    if isinstance(values.get("error"), JobError):
        values["error"] = asdict(values["error"])
    if values.get("state") in _ENDED:
        values["finished_at"] = _NOW
    await connection.execute(
        evaluations.update().where(evaluations.c.id == evaluation_id).values(**values)
    )


async def delete(connection: Connection, evaluation_id: str) -> None:
    """Take one away with its records and answers. The caller holds the row."""
    for table in (evaluation_answers, evaluation_cases):
        await connection.execute(table.delete().where(table.c.evaluation_id == evaluation_id))
    await connection.execute(evaluations.delete().where(evaluations.c.id == evaluation_id))


def _shown() -> sa.Select[Any]:
    held_now = sa.func.coalesce(evaluations.c.lease_until > _NOW, sa.false()).label("held_now")
    return sa.select(evaluations, held_now)


async def _one(connection: Connection, query: sa.Select[Any]) -> Evaluation | None:
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else to_evaluation(row)


def _models(stored: Sequence[Mapping[str, Any]]) -> tuple[EvaluatedModel, ...]:
    return tuple(EvaluatedModel(**each) for each in stored)


def to_evaluation(row: Mapping[Any, Any]) -> Evaluation:
    """Read a row."""
    return Evaluation(
        id=row["id"],
        project_id=row["project_id"],
        job_id=row["job_id"] or "",
        purpose=row["purpose"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        state=EvaluationState(row["state"]),
        wish=Wish.from_json(row["wish"]),
        models=_models(row["models"]),
        source=row["source"],
        task_type=row["task_type"],
        total=row["total"],
        answered=row["answered"],
        failed=row["failed"],
        result=row["result"],
        error=JobError(**row["error"]) if row["error"] else None,
        attempts=row["attempts"],
        epoch=row["lease_epoch"],
        held=row["held_now"],
    )
