"""Projects and service accounts as their administrators see them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.accounts import ProjectRecord, ServiceAccount
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages, limits
from argosy.registry.store.accounts_pages import Row
from argosy.registry.store.accounts_tables import service_account
from argosy.registry.store.tables import organization, project
from sqlalchemy.ext.asyncio import AsyncConnection


async def organization_id(connection: AsyncConnection) -> str:
    """Return the id of the one organization."""
    found: str = (await connection.scalars(sa.select(organization.c.id))).one()
    return found


async def add_project(
    connection: AsyncConnection, value: ProjectRecord, organization_id: str
) -> None:
    """Insert a project."""
    await connection.execute(
        project.insert().values(
            id=value.id,
            organization_id=organization_id,
            name=value.name,
            created_at=value.created_at,
            share=value.share,
            **limits.columns(value.limits),
        )
    )


async def find_project(connection: AsyncConnection, project_id: str) -> ProjectRecord | None:
    """Return the project, archived or not."""
    row = (await connection.execute(sa.select(project).where(project.c.id == project_id))).first()
    return None if row is None else _project(row)


async def projects(
    connection: AsyncConnection, wanted: Page, *, archived: bool
) -> tuple[list[ProjectRecord], bool] | None:
    """Return a page of projects, with those `archived` or without; None if `after` is unknown."""
    query = sa.select(project)
    if not archived:
        query = query.where(project.c.archived_at.is_(None))
    found = await accounts_pages.page(connection, query, project.c.seq, project.c.id, wanted)
    return None if found is None else ([_project(r) for r in found[0]], found[1])


async def let_store(connection: AsyncConnection, project_id: str, stores: bool) -> None:
    """Let a project store completions, or no longer."""
    await connection.execute(
        project.update().where(project.c.id == project_id).values(stores_completions=stores)
    )


async def rename_project(connection: AsyncConnection, project_id: str, name: str) -> None:
    """Give a project another name."""
    await connection.execute(project.update().where(project.c.id == project_id).values(name=name))


async def archive_project(connection: AsyncConnection, project_id: str, now: datetime) -> None:
    """Mark a project as archived."""
    await connection.execute(
        project.update().where(project.c.id == project_id).values(archived_at=now)
    )


async def add_service_account(connection: AsyncConnection, value: ServiceAccount) -> None:
    """Insert a service account."""
    await connection.execute(
        service_account.insert().values(
            id=value.id,
            project_id=value.project_id,
            name=value.name,
            role=value.role,
            created_at=value.created_at,
        )
    )


async def find_service_account(
    connection: AsyncConnection, project_id: str, account_id: str
) -> ServiceAccount | None:
    """Return the project's service account if it is not deleted."""
    query = _living(project_id).where(service_account.c.id == account_id)
    row = (await connection.execute(query)).first()
    return None if row is None else _service_account(row)


async def service_accounts(
    connection: AsyncConnection, project_id: str, wanted: Page
) -> tuple[list[ServiceAccount], bool] | None:
    """Return a page of a project's service accounts; None if `after` is unknown."""
    found = await accounts_pages.page(
        connection, _living(project_id), service_account.c.seq, service_account.c.id, wanted
    )
    return None if found is None else ([_service_account(r) for r in found[0]], found[1])


async def update_service_account(
    connection: AsyncConnection, account_id: str, *, name: str, role: str
) -> None:
    """Give a service account another name and role."""
    await connection.execute(
        service_account.update()
        .where(service_account.c.id == account_id)
        .values(name=name, role=role)
    )


async def delete_service_account(
    connection: AsyncConnection, account_id: str, now: datetime
) -> None:
    """Mark a service account as deleted."""
    await connection.execute(
        service_account.update().where(service_account.c.id == account_id).values(deleted_at=now)
    )


def _service_account(row: Row) -> ServiceAccount:
    return ServiceAccount(row.id, row.project_id, row.name, row.role, row.created_at)


def _living(project_id: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(service_account).where(
        service_account.c.project_id == project_id, service_account.c.deleted_at.is_(None)
    )


def _project(row: Row) -> ProjectRecord:
    return ProjectRecord(
        row.id,
        row.name,
        row.created_at,
        row.archived_at,
        limits.limits_of(row),
        row.share,
        row.stores_completions,
    )
