"""Makes, shows, ends and finds keys. A secret is returned once and kept nowhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from argosy.api import ids
from argosy.kit.errors import Conflict, InvalidRequest, NotFound
from argosy.registry.domain.accounts import check_limits, check_name
from argosy.registry.domain.accounts_audit import Actor, AuditType
from argosy.registry.domain.catalog import EntryKind, Project
from argosy.registry.domain.keys import (
    MAX_TASK_SECONDS,
    MIN_EXPIRY_SECONDS,
    AdminRole,
    Key,
    Origin,
    digest,
    expiry,
    public_ends,
)
from argosy.registry.domain.limits import NO_LIMITS, Limits, Priority
from argosy.registry.store import (
    accounts,
    accounts_budgets,
    accounts_keys,
    accounts_people,
    catalog,
)
from argosy.registry.store.accounts_keys import KeyRecord
from argosy.registry.store.limits import set_key_limits
from argosy.registry.usecases.accounts_desk import (
    Desk,
    Work,
    known,
    open_project_in,
    page_of,
    project_in,
)
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked for. An empty `project_id` asks for a key of the admin API alone.

    The owner is the service account, else the user, else the one whose key asks.
    """

    project_id: str
    name: str
    service_account_id: str = ""
    user_id: str = ""
    admin_role: AdminRole = AdminRole.NONE
    expires_in_seconds: int = 0
    limits: Limits = NO_LIMITS
    priority: Priority = Priority.DEFAULT
    origin: Origin = Origin.API


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key with its secret, which nobody can be shown again, and its project."""

    record: KeyRecord
    secret: str
    project: Project | None = None


class Keys:
    """The use cases of keys. `pepper` never leaves it."""

    def __init__(self, desk: Desk, pepper: bytes) -> None:
        self._desk = desk
        self._pepper = pepper

    async def create(self, actor: Actor, asked: NewKey) -> MadeKey:
        """Make a key; raises NotFound, Conflict, RuleBroken."""
        if bool(asked.project_id) == bool(asked.admin_role):
            raise InvalidRequest("A key is either a project's or the admin API's.")
        secret = ids.new_key_secret()
        prefix, suffix = public_ends(secret)
        async with self._desk.change(actor) as work:
            user_id = await self._owner(work, actor, asked)
            key = Key(
                id=ids.new_id(ids.KEY),
                digest=digest(self._pepper, secret),
                prefix=prefix,
                project_id=asked.project_id,
                name=check_name(asked.name),
                suffix=suffix,
                admin_role=asked.admin_role,
                user_id=user_id,
                service_account_id=asked.service_account_id,
                expires_at=expiry(work.now, asked.expires_in_seconds),
                origin=asked.origin,
                limits=check_limits(asked.limits),
                priority=asked.priority,
            )
            await accounts_keys.add(work.connection, key, work.now)
            work.tell(EntryKind.KEY, key.id)
            work.note(AuditType.KEY_CREATED, key.id, asked.project_id, scopes=_scopes(key))
            record = await accounts_keys.find(work.connection, asked.project_id, key.id)
            projects = await _served(work.connection, asked.project_id)
        return MadeKey(known(record, "API key", key.id), secret, *projects)

    async def mint(self, project_id: str, purpose: str, ttl_seconds: int) -> MadeKey:
        """Make a short-lived key for work on the project's behalf; raises NotFound, RuleBroken.

        Its requests come after those of people, and nobody need delete it: it ends by itself.
        """
        if not MIN_EXPIRY_SECONDS <= ttl_seconds <= MAX_TASK_SECONDS:
            raise InvalidRequest(
                f"ttl_seconds must be between {MIN_EXPIRY_SECONDS} and {MAX_TASK_SECONDS}.",
                param="ttl_seconds",
            )
        return await self.create(
            Actor(""),
            NewKey(
                project_id=project_id,
                name=purpose,
                expires_in_seconds=ttl_seconds,
                priority=Priority.BATCH,
                origin=Origin.TASK,
            ),
        )

    async def get(self, project_id: str, key_id: str) -> KeyRecord:
        """Return a key of the project, or of the admin API; raises NotFound."""
        async with self._desk.look() as connection:
            found = await accounts_keys.find(connection, project_id, key_id)
        return known(found, "API key", key_id, param="key_id")

    async def update(
        self,
        actor: Actor,
        project_id: str,
        key_id: str,
        expires_in_seconds: int | None,
        limits: Limits | None = None,
        priority: Priority | None = None,
    ) -> KeyRecord:
        """Change what is given of a key; raises NotFound, Conflict if it has ended, RuleBroken."""
        async with self._desk.change(actor) as work:
            await open_project_in(work.connection, project_id)
            record = known(
                await accounts_keys.find(work.connection, project_id, key_id),
                "API key",
                key_id,
                param="key_id",
            )
            ended = record.key.expires_at is not None and record.key.expires_at <= work.now
            if ended:
                raise Conflict(
                    f"The key {key_id} has expired and cannot be changed. Make a new one.",
                    param="key_id",
                    code="key_expired",
                )
            asked: dict[str, object] = {}
            if expires_in_seconds is not None:
                until = expiry(work.now, expires_in_seconds)
                await accounts_keys.set_expiry(work.connection, key_id, until)
                asked["expires_in_seconds"] = expires_in_seconds
            if limits is not None or priority is not None:
                new = check_limits(record.key.limits if limits is None else limits)
                first = record.key.priority if priority is None else priority
                await set_key_limits(work.connection, key_id, new, first)
                asked |= {"limits": asdict(new), "priority": first.value}
            work.tell(EntryKind.KEY, key_id)
            work.note(AuditType.KEY_UPDATED, key_id, project_id, **asked)
            found = await accounts_keys.find(work.connection, project_id, key_id)
        return known(found, "API key", key_id)

    async def list(
        self, project_id: str, after: str, limit: int, *, ascending: bool
    ) -> tuple[list[KeyRecord], bool]:
        """Return a page of a project's keys, or of the admin API's; raises NotFound."""
        async with self._desk.look() as connection:
            if project_id:
                await project_in(connection, project_id)
            page = page_of(after, limit, ascending=ascending)
            found = await accounts_keys.page(connection, project_id, page)
        return known(found, "API key", after, param="after")

    async def delete(self, actor: Actor, project_id: str, key_id: str) -> None:
        """Revoke a key: every gateway hears of it at once. Raises NotFound.

        Raises Conflict for the last key that may change accounts: without it nobody could.
        """
        async with self._desk.change(actor) as work:
            found = await accounts_keys.find(work.connection, project_id, key_id)
            record = known(found, "API key", key_id, param="key_id")
            if record.key.admin_role is AdminRole.OWNER:
                await _not_the_last_owner(work, key_id)
            await accounts_keys.revoke(work.connection, work.now, accounts_keys.by_id(key_id))
            work.tell(EntryKind.KEY, key_id, removed=True)
            work.note(AuditType.KEY_DELETED, key_id, project_id)

    async def expire(self) -> int:
        """Revoke the keys that are past their end, for the gateways to hear; return how many."""
        async with self._desk.look() as connection:
            if not await accounts_keys.any_expired(connection, self._desk.now()):
                return 0
        async with self._desk.change(Actor("")) as work:
            ended = await accounts_keys.revoke(
                work.connection, work.now, accounts_keys.expired(work.now)
            )
            work.tell(EntryKind.KEY, *ended, removed=True)
            for key_id in ended:
                work.note(AuditType.KEY_DELETED, key_id)
        return len(ended)

    async def find(self, wanted: bytes) -> tuple[Key, Project | None]:
        """Return the key with this digest that works, and its project; raises NotFound."""
        async with self._desk.look() as connection:
            found = await accounts_keys.working(connection, digest=wanted)
            if not found:
                raise NotFound("No such API key.")
            projects = await _served(connection, found[0].project_id)
        return found[0], projects[0] if projects else None

    async def _owner(self, work: Work, actor: Actor, asked: NewKey) -> str:
        """Return the id of the user whose the key is, empty for a service account's."""
        if asked.project_id:
            await open_project_in(work.connection, asked.project_id)
        if asked.service_account_id:
            account = await accounts.find_service_account(
                work.connection, asked.project_id, asked.service_account_id
            )
            known(account, "service account", asked.service_account_id, param="service_account_id")
            return ""
        if asked.user_id:
            user = await accounts_people.find_user(work.connection, user_id=asked.user_id)
            return known(user, "user", asked.user_id, param="user_id").id
        return await accounts_keys.user_of(work.connection, actor.key_id)


async def _served(connection: AsyncConnection, project_id: str) -> list[Project]:
    """Return the project as serving needs it, in a list; an empty one for none."""
    projects = await catalog.projects(connection, [project_id])
    return await accounts_budgets.with_budgets(connection, projects)


async def _not_the_last_owner(work: Work, key_id: str) -> None:
    others = await accounts_keys.working_owners(work.connection)
    if others <= {key_id}:
        raise Conflict(
            "This is the last key that may change accounts. Make another admin key first, then "
            "delete this one with it.",
            param="key_id",
            code="last_admin_key",
        )


def _scopes(key: Key) -> list[str]:
    return [f"api.admin.{key.admin_role.value}"] if key.admin_role else ["api.all"]
