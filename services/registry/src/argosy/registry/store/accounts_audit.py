"""The audit log: rows are added with the change that they tell of, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from argosy.api import ids
from argosy.registry.domain.accounts_audit import Actor, AuditEntry, AuditFilter, Note
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from argosy.registry.store.accounts_pages import Row
from argosy.registry.store.accounts_tables import account_user, audit_entry
from argosy.registry.store.tables import api_key, project
from sqlalchemy.ext.asyncio import AsyncConnection


async def add(
    connection: AsyncConnection, actor: Actor, notes: Sequence[Note], now: datetime
) -> None:
    """Insert an entry for each note, with who the actor and what the project is at this moment."""
    if not notes:
        return
    who = await _owner(connection, actor.key_id)
    names = {
        r.id: r.name
        for r in await connection.execute(
            sa.select(project.c.id, project.c.name).where(
                project.c.id.in_({n.project_id for n in notes})
            )
        )
    }
    await connection.execute(
        audit_entry.insert(),
        [
            {
                "id": ids.new_id(ids.AUDIT_ENTRY),
                "effective_at": now,
                "type": note.type.value,
                "actor_key_id": actor.key_id,
                **who,
                "actor_ip_address": actor.ip_address,
                "actor_user_agent": actor.user_agent,
                "project_id": note.project_id,
                "project_name": names.get(note.project_id, ""),
                "resource_id": note.resource_id,
                "details": note.details,
            }
            for note in notes
        ],
    )


async def page(
    connection: AsyncConnection, wanted: Page, which: AuditFilter, before: str
) -> tuple[list[AuditEntry], bool] | None:
    """Return a page of entries, and whether more follow in the page's direction.

    `before` is the id that follows the page, where that is asked for instead of `wanted.after`.
    Returns None if the id is unknown.
    """
    seq = audit_entry.c.seq
    query = sa.select(audit_entry).where(*_conditions(which))
    if not before:
        found = await accounts_pages.page(connection, query, seq, audit_entry.c.id, wanted)
        return None if found is None else ([_entry(r) for r in found[0]], found[1])
    # The entries before an id are those after it in the other direction, turned around.
    back = Page(before, wanted.limit, ascending=not wanted.ascending)
    found = await accounts_pages.page(connection, query, seq, audit_entry.c.id, back)
    return None if found is None else ([_entry(r) for r in reversed(found[0])], found[1])


def _conditions(which: AuditFilter) -> list[sa.ColumnElement[bool]]:
    column = audit_entry.c
    conditions: list[sa.ColumnElement[bool]] = [
        wanted.in_(values)
        for wanted, values in (
            (column.type, which.types),
            (column.project_id, which.project_ids),
            (column.actor_user_email, which.actor_emails),
            (column.resource_id, which.resource_ids),
        )
        if values
    ]
    if which.actor_ids:
        actors = (column.actor_key_id, column.actor_user_id, column.actor_service_account_id)
        conditions.append(sa.or_(*(c.in_(which.actor_ids) for c in actors)))
    if which.since is not None:
        conditions.append(column.effective_at >= which.since)
    if which.until is not None:
        conditions.append(column.effective_at <= which.until)
    return conditions


async def _owner(connection: AsyncConnection, key_id: str) -> dict[str, str]:
    row = (
        await connection.execute(
            sa.select(api_key.c.user_id, api_key.c.service_account_id, account_user.c.email)
            .outerjoin(account_user, account_user.c.id == api_key.c.user_id)
            .where(api_key.c.id == key_id)
        )
    ).first()
    by_service = bool(row is not None and row.service_account_id)
    return {
        "actor_user_id": row.user_id if row is not None and not by_service else "",
        "actor_user_email": (row.email or "") if row is not None and not by_service else "",
        "actor_service_account_id": row.service_account_id if row is not None else "",
    }


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in AuditEntry.__dataclass_fields__})
