"""Users, their part in projects, and invitations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.accounts import Invite, Member, User
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from argosy.registry.store.accounts_pages import Row
from argosy.registry.store.accounts_tables import account_user, invite, member
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

# Users


async def add_user(connection: AsyncConnection, value: User) -> bool:
    """Insert a user; returns False, and changes nothing, if the id or the address is taken."""
    result = await connection.execute(
        insert(account_user)
        .values(
            id=value.id,
            email=value.email,
            name=value.name,
            role=value.role,
            added_at=value.added_at,
        )
        .on_conflict_do_nothing()
        .returning(account_user.c.id)
    )
    return result.first() is not None


async def find_user(
    connection: AsyncConnection, *, user_id: str = "", email: str = ""
) -> User | None:
    """Return the user by id or by address, unless deleted."""
    query = _users().where(
        account_user.c.id == user_id if user_id else account_user.c.email == email
    )
    row = (await connection.execute(query)).first()
    return None if row is None else _user(row)


async def users(
    connection: AsyncConnection, wanted: Page, emails: Sequence[str]
) -> tuple[list[User], bool] | None:
    """Return a page of users, those with `emails` or all; None if `after` is unknown."""
    query = _users()
    if emails:
        query = query.where(account_user.c.email.in_(emails))
    found = await accounts_pages.page(
        connection, query, account_user.c.seq, account_user.c.id, wanted
    )
    return None if found is None else ([_user(r) for r in found[0]], found[1])


async def set_user_role(connection: AsyncConnection, user_id: str, role: str) -> None:
    """Give a user another role."""
    await connection.execute(
        account_user.update().where(account_user.c.id == user_id).values(role=role)
    )


async def owners(connection: AsyncConnection) -> int:
    """Return how many users own the organization."""
    count = await connection.scalar(
        sa.select(sa.func.count())
        .select_from(account_user)
        .where(account_user.c.deleted_at.is_(None), account_user.c.role == "owner")
    )
    return count or 0


async def delete_user(connection: AsyncConnection, user_id: str, now: datetime) -> None:
    """Mark a user as deleted; the user is in no project any more."""
    await connection.execute(member.delete().where(member.c.user_id == user_id))
    await connection.execute(
        account_user.update().where(account_user.c.id == user_id).values(deleted_at=now)
    )


# Members


async def add_member(connection: AsyncConnection, value: Member) -> bool:
    """Insert a member; returns False, and changes nothing, if the user is one already."""
    result = await connection.execute(
        insert(member)
        .values(
            project_id=value.project_id,
            user_id=value.user.id,
            role=value.role,
            added_at=value.added_at,
        )
        .on_conflict_do_nothing()
        .returning(member.c.user_id)
    )
    return result.first() is not None


async def find_member(connection: AsyncConnection, project_id: str, user_id: str) -> Member | None:
    """Return the user's part in the project."""
    query = _members(project_id).where(member.c.user_id == user_id)
    row = (await connection.execute(query)).first()
    return None if row is None else _member(row)


async def members(
    connection: AsyncConnection, project_id: str, wanted: Page
) -> tuple[list[Member], bool] | None:
    """Return a page of a project's members; None if `after` is none of them."""
    found = await accounts_pages.page(
        connection, _members(project_id), member.c.seq, member.c.user_id, wanted
    )
    return None if found is None else ([_member(r) for r in found[0]], found[1])


async def set_member_role(
    connection: AsyncConnection, project_id: str, user_id: str, role: str
) -> None:
    """Give a member another role."""
    await connection.execute(
        member.update()
        .where(member.c.project_id == project_id, member.c.user_id == user_id)
        .values(role=role)
    )


async def delete_member(connection: AsyncConnection, project_id: str, user_id: str) -> None:
    """Take a user out of a project."""
    await connection.execute(
        member.delete().where(member.c.project_id == project_id, member.c.user_id == user_id)
    )


# Invitations


async def add_invite(connection: AsyncConnection, value: Invite, token_digest: bytes) -> None:
    """Insert an invitation."""
    await connection.execute(
        invite.insert().values(
            id=value.id,
            token_digest=token_digest,
            email=value.email,
            role=value.role,
            projects=[list(pair) for pair in value.projects],
            created_at=value.created_at,
            expires_at=value.expires_at,
        )
    )


async def find_invite(
    connection: AsyncConnection, *, invite_id: str = "", token_digest: bytes = b""
) -> Invite | None:
    """Return the invitation by id or by what proves it."""
    query = sa.select(invite).where(
        invite.c.id == invite_id if invite_id else invite.c.token_digest == token_digest
    )
    row = (await connection.execute(query)).first()
    return None if row is None else _invite(row)


async def invites(connection: AsyncConnection, wanted: Page) -> tuple[list[Invite], bool] | None:
    """Return a page of invitations; None if `after` is unknown."""
    found = await accounts_pages.page(
        connection, sa.select(invite), invite.c.seq, invite.c.id, wanted
    )
    return None if found is None else ([_invite(r) for r in found[0]], found[1])


async def accept_invite(connection: AsyncConnection, invite_id: str, now: datetime) -> None:
    """Mark an invitation as accepted."""
    await connection.execute(
        invite.update().where(invite.c.id == invite_id).values(accepted_at=now)
    )


async def delete_invite(connection: AsyncConnection, invite_id: str) -> None:
    """Remove an invitation."""
    await connection.execute(invite.delete().where(invite.c.id == invite_id))


def _users() -> sa.Select[tuple[object, ...]]:
    return sa.select(account_user).where(account_user.c.deleted_at.is_(None))


def _members(project_id: str) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            account_user,
            member.c.project_id,
            member.c.role.label("project_role"),
            member.c.added_at.label("joined_at"),
        )
        .join(member, member.c.user_id == account_user.c.id)
        .where(member.c.project_id == project_id, account_user.c.deleted_at.is_(None))
    )


def _user(row: Row) -> User:
    return User(row.id, row.email, row.name, row.role, row.added_at)


def _member(row: Row) -> Member:
    return Member(row.project_id, _user(row), row.project_role, row.joined_at)


def _invite(row: Row) -> Invite:
    return Invite(
        id=row.id,
        email=row.email,
        role=row.role,
        projects=tuple((pair[0], pair[1]) for pair in row.projects),
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_at=row.accepted_at,
    )
