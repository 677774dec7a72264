"""Users, their part in projects, and invitations.

A user signs in nowhere: users own keys and are named in the audit log. Whoever holds the token of
an invitation becomes a user by it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from argosy.api import ids
from argosy.kit.errors import Conflict, InvalidRequest, NotFound
from argosy.registry.domain.accounts import (
    ORGANIZATION_ROLES,
    PROJECT_ROLES,
    Invite,
    Member,
    User,
    check_email,
    check_name,
    check_role,
)
from argosy.registry.domain.accounts_audit import Actor, AuditType
from argosy.registry.domain.catalog import EntryKind
from argosy.registry.store import accounts_keys, accounts_people
from argosy.registry.usecases.accounts_desk import (
    Desk,
    Work,
    known,
    open_project_in,
    page_of,
    project_in,
)

_INVITE_LIFE: Final = timedelta(days=7)
_MAX_INVITE_PROJECTS: Final = 100


class Users:
    """The use cases of users."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, user_id: str) -> User:
        """Return a user; raises NotFound."""
        async with self._desk.look() as connection:
            found = await accounts_people.find_user(connection, user_id=user_id)
        return known(found, "user", user_id, param="user_id")

    async def list(self, after: str, limit: int, emails: Sequence[str]) -> tuple[list[User], bool]:
        """Return a page of users, oldest first; raises NotFound for an unknown `after`."""
        async with self._desk.look() as connection:
            wanted = [email.lower() for email in emails]
            found = await accounts_people.users(connection, page_of(after, limit), wanted)
        return known(found, "user", after, param="after")

    async def update(self, actor: Actor, user_id: str, role: str | None) -> User:
        """Give a user another role; raises NotFound, RuleBroken, Conflict for the last owner."""
        async with self._desk.change(actor) as work:
            found = await accounts_people.find_user(work.connection, user_id=user_id)
            user = known(found, "user", user_id, param="user_id")
            if role is None or role == user.role:
                return user
            check_role(role, ORGANIZATION_ROLES)
            await _keep_an_owner(work, user)
            await accounts_people.set_user_role(work.connection, user.id, role)
            if not await accounts_keys.working_owners(work.connection):
                raise _last_admin_key()
            work.tell(EntryKind.KEY, *await _keys_of(work, user.id))
            work.note(AuditType.USER_UPDATED, user.id, role=role)
        return User(user.id, user.email, user.name, role, user.added_at)

    async def delete(self, actor: Actor, user_id: str) -> None:
        """End a user and the user's own keys; raises NotFound, Conflict for the last owner."""
        async with self._desk.change(actor) as work:
            found = await accounts_people.find_user(work.connection, user_id=user_id)
            user = known(found, "user", user_id, param="user_id")
            await _keep_an_owner(work, user)
            await accounts_people.delete_user(work.connection, user.id, work.now)
            revoked = await accounts_keys.revoke(
                work.connection, work.now, accounts_keys.of_user(user.id)
            )
            if not await accounts_keys.working_owners(work.connection):
                raise _last_admin_key()
            work.tell(EntryKind.KEY, *revoked, removed=True)
            work.note(AuditType.USER_DELETED, user.id)
            for key_id in revoked:
                work.note(AuditType.KEY_DELETED, key_id)


class Members:
    """The use cases of users' parts in projects."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def add(
        self, actor: Actor, project_id: str, user_id: str, email: str, role: str
    ) -> Member:
        """Take a user into a project; raises NotFound, Conflict, RuleBroken."""
        check_role(role, PROJECT_ROLES)
        if bool(user_id) == bool(email):
            raise InvalidRequest(
                "Name the user by 'user_id' or by 'email', one of the two.", param="user_id"
            )
        async with self._desk.change(actor) as work:
            await open_project_in(work.connection, project_id)
            found = await accounts_people.find_user(
                work.connection, user_id=user_id, email=email.lower()
            )
            param = "user_id" if user_id else "email"
            user = known(found, "user", user_id or email, param=param)
            member = Member(project_id, user, role, work.now)
            if not await accounts_people.add_member(work.connection, member):
                raise Conflict(
                    f"The user {user.id} is in the project already. Change the role instead.",
                    param=param,
                    code="already_a_member",
                )
            work.tell(EntryKind.KEY, *await _keys_of(work, user.id))
            work.note(AuditType.USER_ADDED, user.id, project_id, role=role)
        return member

    async def get(self, project_id: str, user_id: str) -> Member:
        """Return a user's part in a project; raises NotFound."""
        async with self._desk.look() as connection:
            found = await accounts_people.find_member(connection, project_id, user_id)
        return known(found, "user of the project", user_id, param="user_id")

    async def list(self, project_id: str, after: str, limit: int) -> tuple[list[Member], bool]:
        """Return a page of a project's members, the longest in it first; raises NotFound."""
        async with self._desk.look() as connection:
            await project_in(connection, project_id)
            found = await accounts_people.members(connection, project_id, page_of(after, limit))
        return known(found, "user of the project", after, param="after")

    async def update(self, actor: Actor, project_id: str, user_id: str, role: str | None) -> Member:
        """Give a member another role; raises NotFound, Conflict, RuleBroken."""
        async with self._desk.change(actor) as work:
            await open_project_in(work.connection, project_id)
            found = await accounts_people.find_member(work.connection, project_id, user_id)
            member = known(found, "user of the project", user_id, param="user_id")
            if role is None or role == member.role:
                return member
            check_role(role, PROJECT_ROLES)
            await accounts_people.set_member_role(work.connection, project_id, user_id, role)
            work.tell(EntryKind.KEY, *await _keys_of(work, user_id))
            work.note(AuditType.USER_UPDATED, user_id, project_id, role=role)
        return Member(project_id, member.user, role, member.added_at)

    async def remove(self, actor: Actor, project_id: str, user_id: str) -> None:
        """Take a user out of a project, with the user's own keys of it; raises NotFound."""
        async with self._desk.change(actor) as work:
            found = await accounts_people.find_member(work.connection, project_id, user_id)
            known(found, "user of the project", user_id, param="user_id")
            await accounts_people.delete_member(work.connection, project_id, user_id)
            revoked = await accounts_keys.revoke(
                work.connection,
                work.now,
                accounts_keys.of_user(user_id),
                accounts_keys.of_project(project_id),
            )
            work.tell(EntryKind.KEY, *revoked, removed=True)
            work.note(AuditType.USER_DELETED, user_id, project_id)
            for key_id in revoked:
                work.note(AuditType.KEY_DELETED, key_id, project_id)


class Invites:
    """The use cases of invitations. The token that proves one is returned once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(
        self, actor: Actor, email: str, role: str, projects: Sequence[tuple[str, str]]
    ) -> tuple[Invite, str]:
        """Invite someone for seven days; raises NotFound, Conflict, RuleBroken."""
        address = check_email(email)
        check_role(role, ORGANIZATION_ROLES)
        if len(projects) > _MAX_INVITE_PROJECTS:
            raise InvalidRequest(
                f"An invitation is to at most {_MAX_INVITE_PROJECTS} projects.", param="projects"
            )
        token = secrets.token_urlsafe(32)
        async with self._desk.change(actor) as work:
            if await accounts_people.find_user(work.connection, email=address) is not None:
                raise Conflict(
                    f"A user with the address {address} exists already.",
                    param="email",
                    code="user_exists",
                )
            for project_id, project_role in projects:
                await open_project_in(work.connection, project_id)
                check_role(project_role, PROJECT_ROLES, param="projects.role")
            invite = Invite(
                id=ids.new_id(ids.INVITE),
                email=address,
                role=role,
                projects=tuple(projects),
                created_at=work.now,
                expires_at=work.now + _INVITE_LIFE,
                accepted_at=None,
            )
            await accounts_people.add_invite(work.connection, invite, _digest(token))
            work.note(AuditType.INVITE_SENT, invite.id, email=address, role=role)
        return invite, token

    async def get(self, invite_id: str) -> Invite:
        """Return an invitation; raises NotFound."""
        async with self._desk.look() as connection:
            found = await accounts_people.find_invite(connection, invite_id=invite_id)
        return known(found, "invite", invite_id, param="invite_id")

    async def list(self, after: str, limit: int) -> tuple[list[Invite], bool]:
        """Return a page of invitations, oldest first; raises NotFound for an unknown `after`."""
        async with self._desk.look() as connection:
            found = await accounts_people.invites(connection, page_of(after, limit))
        return known(found, "invite", after, param="after")

    async def delete(self, actor: Actor, invite_id: str) -> None:
        """Take an invitation back; raises NotFound, Conflict if it was accepted."""
        async with self._desk.change(actor) as work:
            found = await accounts_people.find_invite(work.connection, invite_id=invite_id)
            invite = known(found, "invite", invite_id, param="invite_id")
            if invite.accepted_at is not None:
                raise Conflict(
                    "The invitation was accepted and cannot be taken back. Delete the user "
                    "instead.",
                    param="invite_id",
                    code="invite_accepted",
                )
            await accounts_people.delete_invite(work.connection, invite.id)
            work.note(AuditType.INVITE_DELETED, invite.id)

    async def accept(self, token: str, name: str) -> User:
        """Make whoever holds the token a user, and a member of the invitation's projects.

        Raises NotFound for a token that is wrong, used or too old, RuleBroken for the name.
        """
        async with self._desk.change(Actor("")) as work:
            invite = await accounts_people.find_invite(work.connection, token_digest=_digest(token))
            if invite is None or invite.accepted_at is not None or invite.expires_at <= work.now:
                raise NotFound(
                    "No such invitation: it was accepted or taken back, or is older than seven "
                    "days. Ask for a new one.",
                    param="token",
                )
            user = User(ids.new_id(ids.USER), invite.email, check_name(name), invite.role, work.now)
            if not await accounts_people.add_user(work.connection, user):
                raise Conflict(
                    f"A user with the address {user.email} exists already.",
                    param="token",
                    code="user_exists",
                )
            await accounts_people.accept_invite(work.connection, invite.id, work.now)
            work.note(AuditType.INVITE_ACCEPTED, invite.id)
            work.note(AuditType.USER_ADDED, user.id, role=user.role)
            for project_id, role in invite.projects:
                if (await project_in(work.connection, project_id)).archived_at is None:
                    member = Member(project_id, user, role, work.now)
                    await accounts_people.add_member(work.connection, member)
        return user


async def _keys_of(work: Work, user_id: str) -> list[str]:
    """Return the ids of the user's own keys: another role lets them do more or less."""
    return await accounts_keys.ids_of(work.connection, accounts_keys.of_user(user_id))


def _last_admin_key() -> Conflict:
    return Conflict(
        "This user has the last key that may change accounts. Make another admin key first.",
        param="user_id",
        code="last_admin_key",
    )


async def _keep_an_owner(work: Work, user: User) -> None:
    if user.role == "owner" and await accounts_people.owners(work.connection) == 1:
        raise Conflict(
            "This user is the organization's last owner. Make somebody else an owner first.",
            param="user_id",
            code="last_owner",
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
