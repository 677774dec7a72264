"""Keys: those that work, and as their administrators see them. A revoked key's row stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.accounts import ServiceAccount, User
from argosy.registry.domain.keys import AdminRole, Key, Origin, roles
from argosy.registry.domain.limits import Priority
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages, limits
from argosy.registry.store.accounts_pages import Row
from argosy.registry.store.accounts_tables import account_user, member, service_account
from argosy.registry.store.tables import api_key, project
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key with whose it is: a service account's, else a user's."""

    key: Key
    created_at: datetime
    service_account: ServiceAccount | None
    user: User | None


async def working(
    connection: AsyncConnection,
    *,
    ids: Sequence[str] | None = None,
    digest: bytes | None = None,
) -> list[Key]:
    """Return the keys that open something now: not revoked, not past their end, no project gone.

    A key of a service account without access is none of them.
    """
    query = (
        sa.select(
            api_key,
            service_account.c.role.label("account_role"),
            account_user.c.role.label("user_role"),
            member.c.role.label("member_role"),
        )
        .outerjoin(project, project.c.id == api_key.c.project_id)
        .outerjoin(service_account, service_account.c.id == api_key.c.service_account_id)
        .outerjoin(account_user, account_user.c.id == api_key.c.user_id)
        .outerjoin(
            member,
            sa.and_(
                member.c.user_id == api_key.c.user_id, member.c.project_id == api_key.c.project_id
            ),
        )
        .where(
            api_key.c.deleted_at.is_(None),
            sa.or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > sa.func.now()),
            project.c.archived_at.is_(None),
            sa.func.coalesce(service_account.c.role, "") != "none",
        )
    )
    if ids is not None:
        query = query.where(api_key.c.id.in_(ids))
    if digest is not None:
        query = query.where(api_key.c.digest == digest)
    return [
        roles(as_key(r), of_account=r.account_role, of_user=r.user_role, in_project=r.member_role)
        for r in await connection.execute(query)
    ]


async def seeded(connection: AsyncConnection) -> tuple[dict[str, Key], set[bytes]]:
    """Return the catalogue file's keys by id, and the digests of all keys that were revoked."""
    rows = (await connection.execute(sa.select(api_key))).all()
    alive = {
        r.id: as_key(r) for r in rows if r.deleted_at is None and Origin(r.origin) is Origin.CATALOG
    }
    return alive, {r.digest for r in rows if r.deleted_at is not None}


async def add(connection: AsyncConnection, value: Key, now: datetime) -> None:
    """Insert a key; a revoked one of the same id gives way."""
    await connection.execute(
        api_key.delete().where(api_key.c.id == value.id, api_key.c.deleted_at.is_not(None))
    )
    await connection.execute(
        api_key.insert().values(
            id=value.id,
            digest=value.digest,
            prefix=value.prefix,
            suffix=value.suffix,
            project_id=value.project_id or None,
            name=value.name,
            created_at=now,
            origin=value.origin.value,
            admin_role=value.admin_role.value,
            user_id=value.user_id,
            service_account_id=value.service_account_id,
            expires_at=value.expires_at,
            priority=value.priority.value,
            **limits.columns(value.limits),
        )
    )


async def remove(connection: AsyncConnection, key_id: str) -> None:
    """Remove a key's row: for keys that the catalogue file no longer names."""
    await connection.execute(api_key.delete().where(api_key.c.id == key_id))


async def revoke(
    connection: AsyncConnection, now: datetime, *which: sa.ColumnElement[bool]
) -> list[str]:
    """Mark the keys of which `which` holds as revoked; return the ids of those that were not."""
    rows = await connection.execute(
        api_key.update()
        .where(api_key.c.deleted_at.is_(None), *which)
        .values(deleted_at=now)
        .returning(api_key.c.id)
    )
    return sorted(r.id for r in rows)


def by_id(key_id: str) -> sa.ColumnElement[bool]:
    """One key."""
    return api_key.c.id == key_id


def of_project(project_id: str) -> sa.ColumnElement[bool]:
    """All keys of a project."""
    return api_key.c.project_id == project_id


def of_service_account(account_id: str) -> sa.ColumnElement[bool]:
    """All keys of a service account."""
    return api_key.c.service_account_id == account_id


def of_user(user_id: str) -> sa.ColumnElement[bool]:
    """All keys of a person; not those of the service accounts that this person made."""
    return sa.and_(api_key.c.user_id == user_id, api_key.c.service_account_id == "")


def expired(now: datetime) -> sa.ColumnElement[bool]:
    """All keys that are past their end."""
    return sa.and_(api_key.c.expires_at.is_not(None), api_key.c.expires_at <= now)


async def any_expired(connection: AsyncConnection, now: datetime) -> bool:
    """Tell whether a key that is not revoked is past its end."""
    query = sa.select(api_key.c.id).where(api_key.c.deleted_at.is_(None), expired(now)).limit(1)
    return await connection.scalar(query) is not None


async def find(connection: AsyncConnection, project_id: str, key_id: str) -> KeyRecord | None:
    """Return the project's key if it is not revoked; a key of the admin API for no project."""
    row = (await connection.execute(_records(project_id).where(api_key.c.id == key_id))).first()
    return None if row is None else _record(row)


async def page(
    connection: AsyncConnection, project_id: str, wanted: Page
) -> tuple[list[KeyRecord], bool] | None:
    """Return a page of a project's keys, or of the admin API's; None if `after` is unknown."""
    found = await accounts_pages.page(
        connection,
        _records(project_id).where(api_key.c.origin != Origin.TASK.value),
        api_key.c.seq,
        api_key.c.id,
        wanted,
    )
    return None if found is None else ([_record(r) for r in found[0]], found[1])


async def set_expiry(connection: AsyncConnection, key_id: str, expires_at: datetime | None) -> None:
    """Let a key end at another time."""
    await connection.execute(
        api_key.update().where(api_key.c.id == key_id).values(expires_at=expires_at)
    )


async def ids_of(connection: AsyncConnection, *which: sa.ColumnElement[bool]) -> list[str]:
    """Return the ids of the keys, not revoked, of which `which` holds."""
    rows = await connection.scalars(
        sa.select(api_key.c.id).where(api_key.c.deleted_at.is_(None), *which)
    )
    return sorted(rows)


async def working_owners(connection: AsyncConnection) -> set[str]:
    """Return the ids of the keys that may change accounts now."""
    return {k.id for k in await working(connection) if k.admin_role is AdminRole.OWNER}


async def user_of(connection: AsyncConnection, key_id: str) -> str:
    """Return the id of the user whose the key is; empty where it is nobody's."""
    found = await connection.scalar(sa.select(api_key.c.user_id).where(api_key.c.id == key_id))
    return found or ""


def as_key(row: Row) -> Key:
    """Return the key that a row of `api_key` holds."""
    return Key(
        id=row.id,
        digest=row.digest,
        prefix=row.prefix,
        project_id=row.project_id or "",
        name=row.name,
        suffix=row.suffix,
        admin_role=AdminRole(row.admin_role),
        user_id=row.user_id,
        service_account_id=row.service_account_id,
        expires_at=row.expires_at,
        origin=Origin(row.origin),
        limits=limits.limits_of(row),
        priority=Priority(row.priority),
    )


def _records(project_id: str) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            api_key,
            *(c.label(f"account_{c.name}") for c in service_account.c),
            *(c.label(f"owner_{c.name}") for c in account_user.c),
        )
        .outerjoin(service_account, service_account.c.id == api_key.c.service_account_id)
        .outerjoin(account_user, account_user.c.id == api_key.c.user_id)
        .where(
            api_key.c.deleted_at.is_(None),
            api_key.c.project_id == project_id if project_id else api_key.c.project_id.is_(None),
        )
    )


def _record(row: Row) -> KeyRecord:
    account = user = None
    if row.service_account_id and row.account_id is not None:
        account = ServiceAccount(
            row.account_id,
            row.account_project_id,
            row.account_name,
            row.account_role,
            row.account_created_at,
        )
    elif row.owner_id is not None:
        user = User(
            row.owner_id, row.owner_email, row.owner_name, row.owner_role, row.owner_added_at
        )
    return KeyRecord(as_key(row), row.created_at, account, user)
