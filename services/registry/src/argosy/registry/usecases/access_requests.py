"""People ask for access; an administrator lets them in or not.

Who asks gets a key at once, which opens nothing: it is kept here and becomes a key of a project
with the approval, so that nobody need hand out anything. What is told of an address says nothing of
whether somebody has it already.
"""

from __future__ import annotations

from dataclasses import replace

from argosy.api import ids
from argosy.kit.errors import Conflict, PermissionDenied, RateLimited
from argosy.registry.domain.access_requests import (
    MAX_PENDING,
    AccessRequest,
    Status,
    check_scenario,
)
from argosy.registry.domain.accounts import (
    PROJECT_ROLES,
    Member,
    User,
    check_email,
    check_name,
    check_role,
)
from argosy.registry.domain.accounts_audit import Actor, AuditType
from argosy.registry.domain.catalog import EntryKind
from argosy.registry.domain.keys import Key, Origin, digest, public_ends
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.store import access_requests, accounts_keys, accounts_people
from argosy.registry.usecases.accounts_desk import Desk, Work, known, open_project_in, page_of


class AccessRequests:
    """The use cases. `is_open` says whether people may ask at all, `most_waiting` how many."""

    def __init__(
        self, desk: Desk, pepper: bytes, *, is_open: bool, most_waiting: int = MAX_PENDING
    ) -> None:
        self._desk = desk
        self._pepper = pepper
        self._is_open = is_open
        self._most_waiting = most_waiting

    async def create(
        self, actor: Actor, email: str, name: str, company: str, scenario: str
    ) -> tuple[AccessRequest, str]:
        """Ask for access; return the request and the secret of the key that may work one day.

        Raises PermissionDenied, RateLimited where too many wait, RuleBroken.
        """
        if not self._is_open:
            raise PermissionDenied(
                "Nobody can sign up here without an invitation. Ask an owner of this server for "
                "one.",
                code="sign_up_closed",
            )
        secret = ids.new_key_secret()
        prefix, suffix = public_ends(secret)
        async with self._desk.change(actor) as work:
            if await access_requests.pending(work.connection) >= self._most_waiting:
                raise RateLimited(
                    f"{self._most_waiting} requests for access wait for a decision. Try again "
                    "later.",
                    code="too_many_access_requests",
                )
            asked = AccessRequest(
                id=ids.new_id(ids.ACCESS_REQUEST),
                email=check_email(email),
                name=check_name(name),
                company=check_name(company, param="company"),
                scenario=check_scenario(scenario),
                status=Status.PENDING,
                created_at=work.now,
                key_id=ids.new_id(ids.KEY),
                key_digest=digest(self._pepper, secret),
                key_prefix=prefix,
                key_suffix=suffix,
            )
            await access_requests.add(work.connection, asked)
            work.note(
                AuditType.ACCESS_REQUESTED, asked.id, email=asked.email, company=asked.company
            )
        return asked, secret

    async def get(self, request_id: str) -> AccessRequest:
        """Return a request; raises NotFound."""
        async with self._desk.look() as connection:
            found = await access_requests.find(connection, request_id)
        return known(found, "access request", request_id, param="request_id")

    async def list(self, after: str, limit: int, status: str) -> tuple[list[AccessRequest], bool]:
        """Return a page of requests, oldest first; raises NotFound, RuleBroken."""
        if status and status not in list(Status):
            raise RuleBroken(f"status must be one of: {', '.join(Status)}.", param="status")
        async with self._desk.look() as connection:
            wanted = Status(status) if status else None
            found = await access_requests.page(connection, page_of(after, limit), wanted)
        return known(found, "access request", after, param="after")

    async def approve(
        self, actor: Actor, request_id: str, project_id: str, role: str
    ) -> AccessRequest:
        """Let somebody into a project, with the key that was handed out; raises NotFound, Conflict.

        Whoever is a user already is the same user.
        """
        check_role(role, PROJECT_ROLES)
        async with self._desk.change(actor) as work:
            asked = await _undecided(work, request_id)
            await open_project_in(work.connection, project_id)
            user = await _user(work, asked)
            member = Member(project_id, user, role, work.now)
            if await accounts_people.add_member(work.connection, member):
                work.note(AuditType.USER_ADDED, user.id, project_id, role=role)
            key = Key(
                id=asked.key_id,
                digest=asked.key_digest,
                prefix=asked.key_prefix,
                project_id=project_id,
                name="sign-up",
                suffix=asked.key_suffix,
                user_id=user.id,
                origin=Origin.API,
            )
            await accounts_keys.add(work.connection, key, work.now)
            work.tell(EntryKind.KEY, key.id)
            work.note(AuditType.KEY_CREATED, key.id, project_id, scopes=["api.all"])
            decided = replace(
                asked,
                status=Status.APPROVED,
                decided_at=work.now,
                user_id=user.id,
                project_id=project_id,
                role=role,
            )
            await access_requests.decide(work.connection, decided)
            work.note(AuditType.ACCESS_APPROVED, asked.id, project_id, email=asked.email, role=role)
        return decided

    async def reject(self, actor: Actor, request_id: str, reason: str) -> AccessRequest:
        """Turn somebody away; the key never works. Raises NotFound, Conflict, RuleBroken."""
        said = check_scenario(reason, param="reason") if reason else ""
        async with self._desk.change(actor) as work:
            asked = await _undecided(work, request_id)
            decided = replace(asked, status=Status.REJECTED, decided_at=work.now, reason=said)
            await access_requests.decide(work.connection, decided)
            work.note(AuditType.ACCESS_REJECTED, asked.id, email=asked.email)
        return decided


async def _undecided(work: Work, request_id: str) -> AccessRequest:
    found = await access_requests.find(work.connection, request_id)
    asked = known(found, "access request", request_id, param="request_id")
    if asked.status is not Status.PENDING:
        raise Conflict(
            f"The access request {asked.id} is {asked.status.value} already. Change the user's "
            "part in the project instead.",
            param="request_id",
            code="access_request_decided",
        )
    return asked


async def _user(work: Work, asked: AccessRequest) -> User:
    found = await accounts_people.find_user(work.connection, email=asked.email)
    if found is not None:
        return found
    user = User(ids.new_id(ids.USER), asked.email, asked.name, "reader", work.now)
    await accounts_people.add_user(work.connection, user)
    work.note(AuditType.USER_ADDED, user.id, role=user.role)
    return user
