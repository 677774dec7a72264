"""Which other projects may call a tuned model: one row a model and project."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from argosy.registry.domain.paging import Page
from argosy.registry.domain.permissions import CheckpointPermission
from argosy.registry.store import accounts_pages
from argosy.registry.store.accounts_pages import Row
from argosy.registry.store.tables import checkpoint_permission
from sqlalchemy.ext.asyncio import AsyncConnection


async def projects(
    connection: AsyncConnection, model_ids: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the projects by model, oldest permission first; models without are left out."""
    rows = await connection.execute(
        sa.select(checkpoint_permission.c.model_id, checkpoint_permission.c.project_id)
        .where(checkpoint_permission.c.model_id.in_(model_ids))
        .order_by(checkpoint_permission.c.seq)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.model_id, []).append(row.project_id)
    return {model_id: tuple(named) for model_id, named in found.items()}


async def models_of(connection: AsyncConnection, project_id: str) -> list[str]:
    """Return the ids of the models that are shared with a project."""
    rows = await connection.scalars(
        sa.select(checkpoint_permission.c.model_id).where(
            checkpoint_permission.c.project_id == project_id
        )
    )
    return list(rows)


async def add(connection: AsyncConnection, value: CheckpointPermission) -> None:
    """Insert a permission."""
    await connection.execute(
        checkpoint_permission.insert().values(
            id=value.id,
            model_id=value.model_id,
            project_id=value.project_id,
            created_at=value.created_at,
        )
    )


async def of_projects(
    connection: AsyncConnection, model_id: str, project_ids: Sequence[str]
) -> dict[str, CheckpointPermission]:
    """Return the permissions of a model that these projects have, by project."""
    rows = await connection.execute(
        sa.select(checkpoint_permission).where(
            checkpoint_permission.c.model_id == model_id,
            checkpoint_permission.c.project_id.in_(project_ids),
        )
    )
    return {row.project_id: _permission(row) for row in rows}


async def page(
    connection: AsyncConnection, model_id: str, project_id: str, wanted: Page
) -> tuple[list[CheckpointPermission], bool] | None:
    """Return a page of a model's permissions, of one project unless that is empty.

    And whether more follow; None if the page's `after` is none of them.
    """
    query = sa.select(checkpoint_permission).where(checkpoint_permission.c.model_id == model_id)
    if project_id:
        query = query.where(checkpoint_permission.c.project_id == project_id)
    columns = checkpoint_permission.c
    found = await accounts_pages.page(connection, query, columns.seq, columns.id, wanted)
    return None if found is None else ([_permission(row) for row in found[0]], found[1])


async def remove(
    connection: AsyncConnection, model_id: str, permission_id: str
) -> CheckpointPermission | None:
    """Delete a permission of a model and return what it was; None if there is none."""
    row = (
        await connection.execute(
            checkpoint_permission.delete()
            .where(
                checkpoint_permission.c.model_id == model_id,
                checkpoint_permission.c.id == permission_id,
            )
            .returning(*checkpoint_permission.c)
        )
    ).first()
    return None if row is None else _permission(row)


async def remove_all(connection: AsyncConnection, model_id: str) -> None:
    """Delete a model's permissions."""
    await connection.execute(
        checkpoint_permission.delete().where(checkpoint_permission.c.model_id == model_id)
    )


def _permission(row: Row) -> CheckpointPermission:
    return CheckpointPermission(row.id, row.model_id, row.project_id, row.created_at)
