"""Organisations, projects, keys, pools and base models: what the catalogue file seeds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.catalog import Organization, Pool, Project
from argosy.registry.domain.keys import Key
from argosy.registry.domain.models import CatalogModel, ModelKind
from argosy.registry.store.tables import api_key, base_model, organization, pool, project
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

# `ids=None` means all.
Ids = Sequence[str] | None


async def organizations(connection: AsyncConnection) -> list[Organization]:
    """Return all organisations."""
    return [Organization(r.id, r.slug) for r in await connection.execute(sa.select(organization))]


async def projects(connection: AsyncConnection, ids: Ids = None) -> list[Project]:
    """Return projects with the slug of their organisation."""
    query = sa.select(project, organization.c.slug).join(organization)
    if ids is not None:
        query = query.where(project.c.id.in_(ids))
    return [
        Project(r.id, r.name, r.organization_id, r.slug) for r in await connection.execute(query)
    ]


async def keys(connection: AsyncConnection, ids: Ids = None) -> list[Key]:
    """Return keys; the secrets are nowhere."""
    query = sa.select(api_key)
    if ids is not None:
        query = query.where(api_key.c.id.in_(ids))
    return [
        Key(r.id, r.digest, r.prefix, r.project_id, r.name) for r in await connection.execute(query)
    ]


async def pools(connection: AsyncConnection, ids: Ids = None) -> list[Pool]:
    """Return pools without their engines' secrets."""
    query = sa.select(pool)
    if ids is not None:
        query = query.where(pool.c.name.in_(ids))
    return [
        Pool(r.name, r.engine, tuple(r.replicas), r.engine_key_digest)
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
    columns = {"organization_id": value.organization_id, "name": value.name}
    await connection.execute(
        insert(project)
        .values(id=value.id, **columns)
        .on_conflict_do_update(index_elements=[project.c.id], set_=columns)
    )


async def add_key(connection: AsyncConnection, value: Key, now: datetime) -> None:
    """Insert a key."""
    await connection.execute(
        api_key.insert().values(
            id=value.id,
            digest=value.digest,
            prefix=value.prefix,
            project_id=value.project_id,
            name=value.name,
            created_at=now,
        )
    )


async def delete_key(connection: AsyncConnection, key_id: str) -> None:
    """Remove a key."""
    await connection.execute(api_key.delete().where(api_key.c.id == key_id))


async def put_pool(connection: AsyncConnection, value: Pool) -> None:
    """Insert or update a pool."""
    columns = {
        "engine": value.engine,
        "replicas": list(value.replicas),
        "engine_key_digest": value.engine_key_digest,
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
    }
    await connection.execute(
        insert(base_model)
        .values(id=value.id, created_at=value.created_at, **columns)
        .on_conflict_do_update(index_elements=[base_model.c.id], set_=columns)
    )


async def delete_base_model(connection: AsyncConnection, model_id: str) -> None:
    """Remove a base or embedding model; its adapters stay, not servable."""
    await connection.execute(base_model.delete().where(base_model.c.id == model_id))
