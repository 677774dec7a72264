"""Versions' rows, with the counts that go with their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from argosy.registry.datasets.sets import (
    Record,
    RecordStatus,
    Step,
    Version,
    VersionStatus,
)
from argosy.registry.datasets.store.tables import dataset, record, version
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection


async def add(
    connection: AsyncConnection,
    version_id: str,
    dataset_id: str,
    now: datetime,
    lineage: Sequence[Step],
    parent_id: str = "",
) -> Version:
    """Insert the next draft of a data set, whose row the caller holds."""
    last = sa.select(sa.func.coalesce(sa.func.max(version.c.number), 0)).where(
        version.c.dataset_id == dataset_id
    )
    await connection.execute(
        version.insert().values(
            id=version_id,
            dataset_id=dataset_id,
            number=last.scalar_subquery() + 1,
            status=VersionStatus.DRAFT.value,
            created_at=now,
            parent_id=parent_id,
            lineage=[_step_json(step) for step in lineage],
        )
    )
    found = await find(connection, version_id)
    if found is None:
        raise LookupError("the version that was just added is not there")
    return found


async def find(
    connection: AsyncConnection, version_id: str, *, lock: bool = False
) -> Version | None:
    """Return a version; with `lock`, hold its row. Whose it is, its data set tells."""
    query = _versions().where(version.c.id == version_id)
    if lock:
        query = query.with_for_update(of=version)
    row = (await connection.execute(query)).first()
    return None if row is None else _version(row)


async def latest(connection: AsyncConnection, dataset_ids: Sequence[str]) -> dict[str, Version]:
    """Return the newest version of each data set, by the data set's id."""
    rows = await connection.execute(
        _versions()
        .where(version.c.dataset_id.in_(dataset_ids))
        .ext(distinct_on(version.c.dataset_id))
        .order_by(version.c.dataset_id, version.c.number.desc())
    )
    return {row.dataset_id: _version(row) for row in rows}


async def page(
    connection: AsyncConnection, dataset_id: str, wanted: Page
) -> tuple[list[Version], bool] | None:
    """Return a page of a data set's versions; None if `after` is unknown."""
    found = await accounts_pages.page(
        connection,
        _versions().where(version.c.dataset_id == dataset_id),
        version.c.seq,
        version.c.id,
        wanted,
    )
    return None if found is None else ([_version(r) for r in found[0]], found[1])


async def update(connection: AsyncConnection, version_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a version."""
    await connection.execute(
        version.update().where(version.c.id == version_id).values(dict(values))
    )


async def add_steps(connection: AsyncConnection, version_id: str, steps: Sequence[Step]) -> None:
    """Append to a version's lineage."""
    await connection.execute(
        version.update()
        .where(version.c.id == version_id)
        .values(
            lineage=version.c.lineage
            + sa.cast([_step_json(step) for step in steps], version.c.lineage.type)
        )
    )


async def recount(connection: AsyncConnection, value: Version) -> None:
    """Bring a version's counts to what its rows say."""
    counts = (
        await connection.execute(
            sa.select(
                sa.func.count().label("records"),
                sa.func.count().filter(record.c.status == "unannotated").label("unannotated"),
                sa.func.count().filter(record.c.status == "draft").label("drafts"),
                sa.func.coalesce(sa.func.sum(record.c.characters), 0).label("characters"),
                (sa.func.coalesce(sa.func.max(record.c.position), -1) + 1).label("next_position"),
            ).where(record.c.version == value.seq)
        )
    ).one()
    values = dict(counts._mapping)
    # A position is not given twice, also if the record that had it is gone.
    values["next_position"] = sa.func.greatest(version.c.next_position, values["next_position"])
    await update(connection, value.id, values)


async def count_added(connection: AsyncConnection, version_id: str, made: Record) -> None:
    """Count a record that was appended."""
    await update(
        connection,
        version_id,
        {
            "next_position": version.c.next_position + 1,
            "records": version.c.records + 1,
            "characters": version.c.characters + made.characters,
            **_moved(None, made.status),
        },
    )


async def count_removed(connection: AsyncConnection, version_id: str, gone: Record) -> None:
    """Count a record that was removed."""
    await update(
        connection,
        version_id,
        {
            "records": version.c.records - 1,
            "characters": version.c.characters - gone.characters,
            **_moved(gone.status, None),
        },
    )


async def count_annotated(
    connection: AsyncConnection, version_id: str, before: Record, after: Record, milliseconds: int
) -> None:
    """Count a record that a person gave its answer, and the time it took."""
    await update(
        connection,
        version_id,
        {
            "characters": version.c.characters + after.characters - before.characters,
            "annotations": version.c.annotations + 1,
            "annotation_ms": version.c.annotation_ms + milliseconds,
            **_moved(before.status, after.status),
        },
    )


def _moved(before: RecordStatus | None, after: RecordStatus | None) -> dict[str, Any]:
    change: dict[str, int] = {}
    for status, by in ((before, -1), (after, 1)):
        name = _COUNTED.get(status) if status is not None else None
        if name is not None:
            change[name] = change.get(name, 0) + by
    return {name: version.c[name] + by for name, by in change.items() if by}


_COUNTED: Final = {RecordStatus.UNANNOTATED: "unannotated", RecordStatus.DRAFT: "drafts"}


async def next_position(connection: AsyncConnection, version_id: str) -> int:
    """Return the position of a version's next record; the caller holds the version's row."""
    found = await connection.scalar(
        sa.select(version.c.next_position).where(version.c.id == version_id)
    )
    return int(found or 0)


async def deleted(connection: AsyncConnection, limit: int) -> list[Version]:
    """Return versions that are deleted but whose rows are still there."""
    query = (
        sa.select(version, dataset.c.kind)
        .join(dataset, dataset.c.id == version.c.dataset_id)
        .where(version.c.deleted_at.is_not(None))
        .limit(limit)
    )
    return [_version(row) for row in await connection.execute(query)]


async def remove(connection: AsyncConnection, version_id: str) -> None:
    """Remove a version's row; its records have gone."""
    await connection.execute(version.delete().where(version.c.id == version_id))


async def known_blobs(connection: AsyncConnection, names: Sequence[str]) -> set[str]:
    """Return those of the blob names that a version owns."""
    return set(await connection.scalars(sa.select(version.c.blob).where(version.c.blob.in_(names))))


def _versions() -> sa.Select[Any]:
    return (
        sa.select(version, dataset.c.kind)
        .join(dataset, dataset.c.id == version.c.dataset_id)
        .where(version.c.deleted_at.is_(None))
    )


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "type": step.type,
        "at": step.at.isoformat(),
        "task_id": step.task_id,
        "details": step.details,
    }


def _version(row: accounts_pages.Row) -> Version:
    return Version(
        id=row.id,
        seq=row.seq,
        dataset_id=row.dataset_id,
        number=row.number,
        kind=row.kind,
        status=VersionStatus(row.status),
        records=row.records,
        unannotated=row.unannotated,
        drafts=row.drafts,
        characters=row.characters,
        annotations=row.annotations,
        annotation_ms=row.annotation_ms,
        created_at=row.created_at,
        published_at=row.published_at,
        blob=row.blob,
        bytes=row.bytes,
        sha256=row.sha256,
        parent_id=row.parent_id,
        lineage=tuple(
            Step(s["type"], datetime.fromisoformat(s["at"]), s["details"], s["task_id"])
            for s in row.lineage
        ),
    )
