"""Organisations, projects, pools and base models: what the catalogue file seeds."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from argosy.registry.domain.catalog import Organization, Pool, Project
from argosy.registry.domain.models import CatalogModel, ModelKind
from argosy.registry.store.limits import columns as limit_columns
from argosy.registry.store.limits import limits_of
from argosy.registry.store.tables import base_model, organization, pool, project
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

# `ids=None` means all.
Ids = Sequence[str] | None


async def organizations(connection: AsyncConnection) -> list[Organization]:
    """Return all organisations."""
    return [Organization(r.id, r.slug) for r in await connection.execute(sa.select(organization))]


async def projects(connection: AsyncConnection, ids: Ids = None) -> list[Project]:
    """Return the projects that are not archived, with the slug of their organisation."""
    query = (
        sa.select(project, organization.c.slug)
        .join(organization)
        .where(project.c.archived_at.is_(None))
    )
    if ids is not None:
        query = query.where(project.c.id.in_(ids))
    return [
        Project(
            r.id,
            r.name,
            r.organization_id,
            r.slug,
            limits_of(r),
            r.share,
            stores_completions=r.stores_completions,
        )
        for r in await connection.execute(query)
    ]


async def pools(connection: AsyncConnection, ids: Ids = None) -> list[Pool]:
    """Return pools without their engines' secrets."""
    query = sa.select(pool)
    if ids is not None:
        query = query.where(pool.c.name.in_(ids))
    return [
        Pool(
            name=r.name,
            engine=r.engine,
            replicas=tuple(r.replicas),
            engine_key_digest=r.engine_key_digest,
            concurrency=r.concurrency,
            queue=r.queue,
            queue_seconds=r.queue_seconds,
            weights=r.weights,
            max_loras=r.max_loras,
            max_cpu_loras=r.max_cpu_loras,
        )
        for r in await connection.execute(query)
    ]


async def base_models(connection: AsyncConnection, ids: Ids = None) -> list[CatalogModel]:
    """Return base and embedding models."""
    query = sa.select(base_model)
    if ids is not None:
        query = query.where(base_model.c.id.in_(ids))
    return [as_base_model(r) for r in await connection.execute(query)]


def as_base_model(row: sa.Row[tuple[object, ...]]) -> CatalogModel:
    """Return the model that a row of `base_model` holds."""
    return CatalogModel(
        id=row.id,
        kind=ModelKind(row.kind),
        owned_by=row.owned_by,
        context_length=row.context_length,
        trainable=row.trainable,
        pool=row.pool,
        weights_path=row.weights_path,
        created_at=row.created_at,
        architecture=row.architecture,
        quantization=row.quantization,
        modalities=tuple(row.modalities),
    )


async def put_organization(connection: AsyncConnection, value: Organization) -> None:
    """Insert or update an organisation."""
    await connection.execute(
        insert(organization)
        .values(id=value.id, slug=value.slug)
        .on_conflict_do_update(index_elements=[organization.c.id], set_={"slug": value.slug})
    )


async def put_project(connection: AsyncConnection, value: Project) -> None:
    """Insert or update a project."""
    columns = {
        "organization_id": value.organization_id,
        "name": value.name,
        "share": value.share,
        **limit_columns(value.limits),
    }
    await connection.execute(
        insert(project)
        .values(id=value.id, **columns)
        .on_conflict_do_update(index_elements=[project.c.id], set_=columns)
    )


async def put_pool(connection: AsyncConnection, value: Pool) -> None:
    """Insert or update a pool."""
    columns = {
        "engine": value.engine,
        "replicas": list(value.replicas),
        "engine_key_digest": value.engine_key_digest,
        "concurrency": value.concurrency,
        "queue": value.queue,
        "queue_seconds": value.queue_seconds,
        "weights": dict(value.weights),
        "max_loras": value.max_loras,
        "max_cpu_loras": value.max_cpu_loras,
    }
    await connection.execute(
        insert(pool)
        .values(name=value.name, **columns)
        .on_conflict_do_update(index_elements=[pool.c.name], set_=columns)
    )


async def delete_pool(connection: AsyncConnection, name: str) -> None:
    """Remove a pool."""
    await connection.execute(pool.delete().where(pool.c.name == name))


async def put_base_model(connection: AsyncConnection, value: CatalogModel) -> None:
    """Insert or update a base or embedding model; `created_at` stays that of the first time."""
    columns = {
        "kind": value.kind.value,
        "owned_by": value.owned_by,
        "context_length": value.context_length,
        "trainable": value.trainable,
        "pool": value.pool,
        "weights_path": value.weights_path,
        "architecture": value.architecture,
        "quantization": value.quantization,
        "modalities": list(value.modalities),
    }
    await connection.execute(
        insert(base_model)
        .values(id=value.id, created_at=value.created_at, **columns)
        .on_conflict_do_update(index_elements=[base_model.c.id], set_=columns)
    )


async def delete_base_model(connection: AsyncConnection, model_id: str) -> None:
    """Remove a base or embedding model; its adapters stay, not servable."""
    await connection.execute(base_model.delete().where(base_model.c.id == model_id))
