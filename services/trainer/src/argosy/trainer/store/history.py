"""What happened to a job: rows of `events`, `metrics`, `observations`, `checkpoints`. Knows SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from argosy.api import ids
from argosy.trainer.domain import worker_lines
from argosy.trainer.domain.job import Checkpoint, JobEvent, MetricsRow, Observation
from argosy.trainer.domain.texts import Note
from argosy.trainer.store.tables import checkpoints, events, metrics, observations
from argosy.trainer.store.transactions import Connection
from sqlalchemy.dialects.postgresql import JSONB, insert


async def add_notes(connection: Connection, job_id: str, *notes: Note) -> None:
    """Add events; one whose key the job has already is left as it is."""
    for note in notes:
        await connection.execute(
            insert(events)
            .values(
                id=ids.new_id(ids.JOB_EVENT),
                job_id=job_id,
                key=note.key,
                level=note.level,
                message=note.message,
                type=note.type,
                data=sa.null() if note.data is None else note.data,
            )
            .on_conflict_do_nothing(constraint="events_once")
        )


async def has_note(connection: Connection, job_id: str, key: str) -> bool:
    return bool(
        await connection.scalar(
            sa.select(sa.exists().where(events.c.job_id == job_id, events.c.key == key))
        )
    )


async def events_page(
    connection: Connection, job_id: str, *, after: str, limit: int, ascending: bool
) -> list[JobEvent] | None:
    """Return up to `limit` events; None if `after` names none of the job's."""
    rows = await _page(connection, events, job_id, after, limit, ascending)
    return rows and [
        JobEvent(r["id"], r["created_at"], r["level"], r["message"], r["type"], r["data"])
        for r in rows
    ]


async def put_step(connection: Connection, job_id: str, line: worker_lines.Step) -> None:
    """Write a step's metrics, over those of an earlier try of the same step."""
    await _upsert(
        connection,
        job_id,
        line.step,
        {
            "train_loss": line.train_loss,
            "train_mean_token_accuracy": line.train_mean_token_accuracy,
            "learning_rate": line.learning_rate,
            "grad_norm": line.grad_norm,
            "tokens": line.tokens,
            "tokens_per_second": line.tokens_per_second,
            "values": dict(line.values) or None,
            "records": list(line.records) or None,
        },
    )


async def put_validation(
    connection: Connection, job_id: str, line: worker_lines.Validation
) -> None:
    row = {
        "valid_loss": line.valid_loss,
        "valid_mean_token_accuracy": line.valid_mean_token_accuracy,
    }
    more = {f"valid_{name}": value for name, value in line.values.items()}
    await connection.execute(
        insert(metrics)
        .values(job_id=job_id, step=line.step, **row, values=more or None)
        .on_conflict_do_update(
            index_elements=["job_id", "step"],
            set_={**row, "values": _joined(metrics.c["values"], more)},
        )
    )


def _joined(column: sa.ColumnElement[Any], more: dict[str, float]) -> sa.ColumnElement[Any]:
    """The step's own values stay beside those of its validation."""
    if not more:
        return column
    return sa.func.coalesce(column, sa.literal({}, JSONB)).concat(sa.literal(more, JSONB))


async def observe(
    connection: Connection, job_id: str, key: str, kind: str, data: dict[str, Any]
) -> None:
    """Keep what was seen; again under the same key, the newer."""
    await connection.execute(
        insert(observations)
        .values(job_id=job_id, key=key, kind=kind, data=data)
        .on_conflict_do_update(constraint="observations_once", set_={"data": data})
    )


async def observed(connection: Connection, job_id: str) -> list[Observation]:
    rows = await connection.execute(
        sa.select(observations).where(observations.c.job_id == job_id).order_by(observations.c.seq)
    )
    return [Observation(r["kind"], r["created_at"], r["data"]) for r in rows.mappings()]


async def metrics_until(
    connection: Connection, job_id: str, last: int, *, after: int = 0
) -> list[MetricsRow]:
    """Return the metrics of steps `after` + 1 to `last`, in order."""
    names = MetricsRow.__dataclass_fields__
    rows = await connection.execute(
        sa.select(*(metrics.c[name] for name in names))
        .where(metrics.c.job_id == job_id, metrics.c.step.between(after + 1, last))
        .order_by(metrics.c.step)
    )
    return [MetricsRow(**row) for row in rows.mappings()]


async def trained_tokens(connection: Connection, job_id: str, last: int) -> int:
    """Return the tokens of steps 1 to `last`: each step once, however often it was run."""
    total = await connection.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(metrics.c.tokens), 0)).where(
            metrics.c.job_id == job_id, metrics.c.step.between(1, last)
        )
    )
    return int(total or 0)


async def trained_seconds(connection: Connection, job_id: str, last: int) -> float:
    """Return the time of steps 1 to `last`, by what each told of its pace."""
    total = await connection.scalar(
        sa.select(
            sa.func.coalesce(
                sa.func.sum(metrics.c.tokens / sa.func.nullif(metrics.c.tokens_per_second, 0)), 0
            )
        ).where(metrics.c.job_id == job_id, metrics.c.step.between(1, last))
    )
    return round(float(total or 0), 3)


async def add_checkpoint(connection: Connection, job_id: str, step: int, model_id: str) -> bool:
    """Note a published checkpoint; tell whether it is new."""
    added = await connection.execute(
        insert(checkpoints)
        .values(id=ids.new_id(ids.CHECKPOINT), job_id=job_id, step=step, model_id=model_id)
        .on_conflict_do_nothing(constraint="checkpoints_once")
        .returning(checkpoints.c.id)
    )
    return added.first() is not None


async def remove_checkpoint(connection: Connection, job_id: str, step: int) -> None:
    await connection.execute(
        checkpoints.delete().where(checkpoints.c.job_id == job_id, checkpoints.c.step == step)
    )


async def best_checkpoint(connection: Connection, job_id: str) -> int | None:
    """Return the published step with the lowest validation loss, the earliest of equals.

    Where answers are sampled the objective counts, and the highest is best.
    """
    objective = metrics.c["values"]["valid_objective"].as_float()
    badness = sa.func.coalesce(metrics.c.valid_loss, -objective)
    step = await connection.scalar(
        sa.select(metrics.c.step)
        .join(
            checkpoints,
            sa.and_(checkpoints.c.job_id == metrics.c.job_id, checkpoints.c.step == metrics.c.step),
        )
        .where(metrics.c.job_id == job_id, badness.is_not(None))
        .order_by(badness, metrics.c.step)
        .limit(1)
    )
    return None if step is None else int(step)


async def published_steps(connection: Connection, job_id: str) -> set[int]:
    rows = await connection.scalars(
        sa.select(checkpoints.c.step).where(checkpoints.c.job_id == job_id)
    )
    return set(rows)


async def checkpoints_page(
    connection: Connection, job_id: str, *, after: str, limit: int, ascending: bool
) -> list[Checkpoint] | None:
    """Return up to `limit` checkpoints; None if `after` names none of the job's."""
    rows = await _page(connection, checkpoints, job_id, after, limit, ascending)
    if rows is None:
        return None
    found = await connection.execute(
        sa.select(metrics).where(
            metrics.c.job_id == job_id, metrics.c.step.in_([row["step"] for row in rows])
        )
    )
    by_step = {row["step"]: row for row in found.mappings()}
    return [_checkpoint(row, by_step.get(row["step"], {})) for row in rows]


def _checkpoint(row: Any, measured: Any) -> Checkpoint:
    return Checkpoint(
        id=row["id"],
        created_at=row["created_at"],
        job_id=row["job_id"],
        model_id=row["model_id"],
        step=row["step"],
        train_loss=measured.get("train_loss"),
        train_mean_token_accuracy=measured.get("train_mean_token_accuracy"),
        valid_loss=measured.get("valid_loss"),
        valid_mean_token_accuracy=measured.get("valid_mean_token_accuracy"),
    )


async def _upsert(connection: Connection, job_id: str, step: int, values: dict[str, Any]) -> None:
    await connection.execute(
        insert(metrics)
        .values(job_id=job_id, step=step, **values)
        .on_conflict_do_update(index_elements=["job_id", "step"], set_=values)
    )


async def _page(
    connection: Connection, table: sa.Table, job_id: str, after: str, limit: int, ascending: bool
) -> list[Any] | None:
    query = sa.select(table).where(table.c.job_id == job_id)
    if after:
        seq = await connection.scalar(
            sa.select(table.c.seq).where(table.c.id == after, table.c.job_id == job_id)
        )
        if seq is None:
            return None
        query = query.where(table.c.seq > seq if ascending else table.c.seq < seq)
    query = query.order_by(table.c.seq if ascending else table.c.seq.desc()).limit(limit)
    return list((await connection.execute(query)).mappings())
