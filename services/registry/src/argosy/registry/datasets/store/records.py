"""Records' rows: single ones, pages, and whole versions in bounded memory.

Many rows come in by COPY from lines that the caller has prepared (`copy_line`).
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import sqlalchemy as sa
from argosy.registry.datasets.sets import Record, RecordFilter, RecordStatus
from argosy.registry.datasets.store.tables import record, trait
from argosy.registry.store import accounts_pages
from sqlalchemy.ext.asyncio import AsyncConnection

_BATCH: Final = 2_000
# A million rows take ten seconds on a quiet machine.
_COPY_SECONDS: Final = 600.0


def copy_line(status: RecordStatus, characters: int, body: str, notes: str = "") -> str:
    """Return the row of a record for `copy`, without version and position.

    JSON has no raw line end or tab, so only the backslash needs its escape.
    """
    return "\t".join((status.value, str(characters), json_line(body), json_line(notes)))


def json_line(text: str) -> str:
    """Return JSON text as a column of COPY's text form."""
    return text.replace("\\", "\\\\")


async def copy(
    connection: AsyncConnection, version_seq: int, first: int, lines: Iterable[str]
) -> int:
    """Append the rows of `lines` at positions from `first` on; returns how many there were."""
    columns = ["version", "position", "status", "characters", "body", "notes"]
    rows = (f"{version_seq}\t{first + n}\t{line}\n" for n, line in enumerate(lines))
    return await copy_rows(connection, record.name, columns, rows)


async def copy_rows(
    connection: AsyncConnection, table: str, columns: Sequence[str], rows: Iterable[str]
) -> int:
    """Bring rows of COPY's text form into a table; returns how many there were."""
    count = 0

    async def batched() -> AsyncIterator[bytes]:
        nonlocal count
        remaining = iter(rows)
        while batch := list(itertools.islice(remaining, _BATCH)):
            count += len(batch)
            yield "".join(batch).encode()

    raw = (await connection.get_raw_connection()).driver_connection
    await cast(Any, raw).copy_to_table(
        table, source=batched(), columns=list(columns), timeout=_COPY_SECONDS
    )
    return count


async def duplicate(connection: AsyncConnection, source: int, target: int) -> None:
    """Copy all rows of one version to another that has none."""
    columns = [c for c in record.c if c.name != "version"]
    await connection.execute(
        record.insert().from_select(
            ["version", *(c.name for c in columns)],
            sa.select(sa.literal(target), *columns).where(record.c.version == source),
        )
    )


async def batches(
    connection: AsyncConnection, version_seq: int, *, after: int = -1, size: int = _BATCH
) -> AsyncIterator[list[Record]]:
    """Yield all of a version's records in order, some at a time."""
    while True:
        rows = (
            await connection.execute(
                sa.select(record)
                .where(record.c.version == version_seq, record.c.position > after)
                .order_by(record.c.position)
                .limit(size)
            )
        ).all()
        if not rows:
            return
        yield [_record(row) for row in rows]
        after = rows[-1].position


async def page(
    connection: AsyncConnection,
    version_seq: int,
    wanted: RecordFilter,
    *,
    after: int | None,
    limit: int,
    ascending: bool,
) -> tuple[list[Record], bool]:
    """Return a page of a version's records and whether more follow."""
    query = sa.select(record).where(record.c.version == version_seq, *_matches(wanted))
    if after is not None:
        query = query.where(record.c.position > after if ascending else record.c.position < after)
    order = record.c.position.asc() if ascending else record.c.position.desc()
    rows = (await connection.execute(query.order_by(order).limit(limit + 1))).all()
    return [_record(r) for r in rows[:limit]], len(rows) > limit


async def find(connection: AsyncConnection, version_seq: int, position: int) -> Record | None:
    """Return a record."""
    row = (
        await connection.execute(
            sa.select(record).where(record.c.version == version_seq, record.c.position == position)
        )
    ).first()
    return None if row is None else _record(row)


async def next_open(connection: AsyncConnection, version_seq: int, after: int) -> Record | None:
    """Return the first record after `after` that needs a person; else the first of all."""
    for low in dict.fromkeys((after, -1)):
        row = (
            await connection.execute(
                sa.select(record)
                .where(
                    record.c.version == version_seq,
                    record.c.position > low,
                    record.c.status.in_(("unannotated", "draft")),
                )
                .order_by(record.c.position)
                .limit(1)
            )
        ).first()
        if row is not None:
            return _record(row)
    return None


async def unannotated(
    connection: AsyncConnection, version_seq: int, after: int, limit: int
) -> list[Record]:
    """Return the next records after `after` that have no answer, not even a draft."""
    rows = await connection.execute(
        sa.select(record)
        .where(
            record.c.version == version_seq,
            record.c.position > after,
            record.c.status == RecordStatus.UNANNOTATED.value,
        )
        .order_by(record.c.position)
        .limit(limit)
    )
    return [_record(row) for row in rows]


async def put_draft(connection: AsyncConnection, version_seq: int, value: Record) -> bool:
    """Overwrite a record that still has no answer; tells whether it had none."""
    result = await connection.execute(
        record.update()
        .where(
            record.c.version == version_seq,
            record.c.position == value.position,
            record.c.status == RecordStatus.UNANNOTATED.value,
        )
        .values(
            status=value.status.value,
            characters=value.characters,
            body=value.body,
            notes=value.notes,
        )
    )
    return bool(result.rowcount)


async def put(connection: AsyncConnection, version_seq: int, value: Record) -> None:
    """Overwrite a record."""
    await connection.execute(
        record.update()
        .where(record.c.version == version_seq, record.c.position == value.position)
        .values(
            status=value.status.value,
            characters=value.characters,
            body=value.body,
            notes=value.notes,
        )
    )


async def remove(connection: AsyncConnection, version_seq: int, position: int) -> bool:
    """Remove a record; tells whether it was there."""
    result = await connection.execute(
        record.delete().where(record.c.version == version_seq, record.c.position == position)
    )
    return bool(result.rowcount)


async def remove_some(connection: AsyncConnection, version_seq: int, limit: int) -> int:
    """Remove up to `limit` of a version's records; returns how many."""
    some = (
        sa.select(record.c.position)
        .where(record.c.version == version_seq)
        .order_by(record.c.position)
        .limit(limit)
    )
    result = await connection.execute(
        record.delete().where(record.c.version == version_seq, record.c.position.in_(some))
    )
    return result.rowcount


async def accept_drafts(connection: AsyncConnection, version_seq: int) -> int:
    """Let every draft be accepted; returns how many there were."""
    result = await connection.execute(
        record.update()
        .where(record.c.version == version_seq, record.c.status == "draft")
        .values(status="accepted")
    )
    return result.rowcount


def _matches(wanted: RecordFilter) -> Sequence[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.statuses:
        found.append(record.c.status.in_(wanted.statuses))
    if wanted.contains:
        found.append(record.c.body.contains(wanted.contains, autoescape=True))
    if wanted.min_characters:
        found.append(record.c.characters >= wanted.min_characters)
    if wanted.max_characters:
        found.append(record.c.characters <= wanted.max_characters)
    if wanted.traits:
        found.append(_has_traits(wanted.traits))
    return found


def _has_traits(asked: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    """Return the condition on records whose traits pass a filter of an insight."""
    value = trait.c.traits[asked["trait"]]
    found: list[sa.ColumnElement[bool]] = []
    if "value" in asked:
        found.append(value == sa.cast(asked["value"], trait.c.traits.type))
    if "min" in asked:
        found.append(value.as_float() >= asked["min"])
    if "max" in asked:
        found.append(value.as_float() < asked["max"])
    return sa.exists().where(
        trait.c.version == record.c.version, trait.c.position == record.c.position, *found
    )


def _record(row: accounts_pages.Row) -> Record:
    return Record(row.position, RecordStatus(row.status), row.body, row.characters, row.notes)
