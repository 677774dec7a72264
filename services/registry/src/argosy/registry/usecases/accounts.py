"""Makes, shows and ends projects and service accounts."""

from __future__ import annotations

from dataclasses import asdict

from argosy.api import ids
from argosy.kit.errors import Conflict
from argosy.registry.domain.accounts import (
    PROJECT_ROLES,
    ProjectRecord,
    ServiceAccount,
    check_limits,
    check_name,
    check_role,
    check_share,
)
from argosy.registry.domain.accounts_audit import Actor, AuditType
from argosy.registry.domain.catalog import EntryKind
from argosy.registry.domain.limits import NO_LIMITS, Limits
from argosy.registry.intake.catalog_file import DEFAULT_PROJECT
from argosy.registry.store import accounts, accounts_keys
from argosy.registry.store.limits import set_project_limits
from argosy.registry.usecases.accounts_desk import (
    Desk,
    known,
    open_project_in,
    page_of,
    project_in,
)


class Projects:
    """The use cases of projects."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(
        self, actor: Actor, name: str, limits: Limits = NO_LIMITS, share: float = 1.0
    ) -> ProjectRecord:
        """Make a project; raises RuleBroken."""
        async with self._desk.change(actor) as work:
            project = ProjectRecord(
                ids.new_id(ids.PROJECT),
                check_name(name),
                work.now,
                limits=check_limits(limits),
                share=check_share(share),
            )
            organization = await accounts.organization_id(work.connection)
            await accounts.add_project(work.connection, project, organization)
            work.tell(EntryKind.PROJECT, project.id)
            work.note(AuditType.PROJECT_CREATED, project.id, project.id, name=project.name)
        return project

    async def get(self, project_id: str) -> ProjectRecord:
        """Return a project, archived or not; raises NotFound."""
        async with self._desk.look() as connection:
            return await project_in(connection, project_id)

    async def update(
        self,
        actor: Actor,
        project_id: str,
        name: str | None,
        limits: Limits | None = None,
        share: float | None = None,
        *,
        stores_completions: bool | None = None,
    ) -> ProjectRecord:
        """Change what is given of a project; raises NotFound, Conflict, RuleBroken."""
        async with self._desk.change(actor) as work:
            project = await open_project_in(work.connection, project_id)
            asked: dict[str, object] = {}
            if name is not None:
                asked["title"] = check_name(name)
                await accounts.rename_project(work.connection, project.id, check_name(name))
            if limits is not None or share is not None:
                new = check_limits(project.limits if limits is None else limits)
                part = check_share(project.share if share is None else share)
                asked |= {"limits": asdict(new), "share": part}
                await set_project_limits(work.connection, project.id, new, part)
            if stores_completions is not None:
                asked["stores_completions"] = stores_completions
                await accounts.let_store(work.connection, project.id, stores_completions)
            work.note(AuditType.PROJECT_UPDATED, project.id, project.id, **asked)
            work.tell(EntryKind.PROJECT, project.id)
            return await project_in(work.connection, project_id)

    async def list(
        self, after: str, limit: int, *, archived: bool
    ) -> tuple[list[ProjectRecord], bool]:
        """Return a page of projects, oldest first; raises NotFound for an unknown `after`."""
        async with self._desk.look() as connection:
            found = await accounts.projects(connection, page_of(after, limit), archived=archived)
        return known(found, "project", after, param="after")

    async def archive(self, actor: Actor, project_id: str) -> ProjectRecord:
        """End a project and all its keys; what it owns stays. Repeating it changes nothing.

        Raises NotFound; Conflict for the project that the server itself needs.
        """
        async with self._desk.change(actor) as work:
            project = await project_in(work.connection, project_id)
            if project.archived_at is not None:
                return project
            if project.id == DEFAULT_PROJECT:
                raise Conflict(
                    "The default project cannot be archived: keys from the server's own start "
                    "belong to it. Archive another one.",
                    param="project_id",
                    code="project_not_archivable",
                )
            await accounts.archive_project(work.connection, project.id, work.now)
            revoked = await accounts_keys.revoke(
                work.connection, work.now, accounts_keys.of_project(project.id)
            )
            work.tell(EntryKind.KEY, *revoked, removed=True)
            work.tell(EntryKind.PROJECT, project.id, removed=True)
            work.note(AuditType.PROJECT_ARCHIVED, project.id, project.id)
            for key_id in revoked:
                work.note(AuditType.KEY_DELETED, key_id, project.id)
            return await project_in(work.connection, project_id)


class ServiceAccounts:
    """The use cases of service accounts. Their keys are made and ended by `accounts_keys`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(
        self, actor: Actor, project_id: str, name: str, *, without_access: bool
    ) -> ServiceAccount:
        """Make a service account, a member of its project; raises NotFound, Conflict."""
        async with self._desk.change(actor) as work:
            project = await open_project_in(work.connection, project_id)
            account = ServiceAccount(
                id=ids.new_id(ids.SERVICE_ACCOUNT),
                project_id=project.id,
                name=check_name(name),
                role="none" if without_access else "member",
                created_at=work.now,
            )
            await accounts.add_service_account(work.connection, account)
            work.note(AuditType.SERVICE_ACCOUNT_CREATED, account.id, project.id, role=account.role)
        return account

    async def get(self, project_id: str, account_id: str) -> ServiceAccount:
        """Return a service account of the project; raises NotFound."""
        async with self._desk.look() as connection:
            found = await accounts.find_service_account(connection, project_id, account_id)
        return known(found, "service account", account_id, param="service_account_id")

    async def update(
        self, actor: Actor, project_id: str, account_id: str, name: str | None, role: str | None
    ) -> ServiceAccount:
        """Change what is given of a service account; raises NotFound, Conflict, RuleBroken."""
        async with self._desk.change(actor) as work:
            await open_project_in(work.connection, project_id)
            found = await accounts.find_service_account(work.connection, project_id, account_id)
            account = known(found, "service account", account_id, param="service_account_id")
            new_name = account.name if name is None else check_name(name)
            new_role = account.role if role is None else check_role(role, PROJECT_ROLES)
            await accounts.update_service_account(
                work.connection, account.id, name=new_name, role=new_role
            )
            if new_role != account.role:
                # A role of `none` had kept its keys from working.
                keys = await accounts_keys.ids_of(
                    work.connection, accounts_keys.of_service_account(account.id)
                )
                work.tell(EntryKind.KEY, *keys)
            work.note(AuditType.SERVICE_ACCOUNT_UPDATED, account.id, project_id, role=new_role)
        return ServiceAccount(account.id, project_id, new_name, new_role, account.created_at)

    async def list(
        self, project_id: str, after: str, limit: int
    ) -> tuple[list[ServiceAccount], bool]:
        """Return a page of a project's service accounts, oldest first; raises NotFound."""
        async with self._desk.look() as connection:
            await project_in(connection, project_id)
            page = page_of(after, limit)
            found = await accounts.service_accounts(connection, project_id, page)
        return known(found, "service account", after, param="after")

    async def delete(self, actor: Actor, project_id: str, account_id: str) -> None:
        """End a service account and its keys; raises NotFound."""
        async with self._desk.change(actor) as work:
            found = await accounts.find_service_account(work.connection, project_id, account_id)
            account = known(found, "service account", account_id, param="service_account_id")
            await accounts.delete_service_account(work.connection, account.id, work.now)
            revoked = await accounts_keys.revoke(
                work.connection, work.now, accounts_keys.of_service_account(account.id)
            )
            work.tell(EntryKind.KEY, *revoked, removed=True)
            work.note(AuditType.SERVICE_ACCOUNT_DELETED, account.id, project_id)
            for key_id in revoked:
                work.note(AuditType.KEY_DELETED, key_id, project_id)
