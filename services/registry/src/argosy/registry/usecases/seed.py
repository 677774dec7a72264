"""Brings the database to what the catalogue file and the bootstrap key say, at each start.

Changes only what differs, and notes only that: a restart without a change wakes no gateway. Keys,
pools and base models that the file no longer names go; projects stay, since they own files and
models, but lose their keys. Adapters of a base that goes stay and are not servable until it is
back.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.catalog import Change, EntryKind, Organization, Pool, Project
from argosy.registry.domain.keys import Key, digest, public_prefix
from argosy.registry.domain.models import CatalogModel, ModelKind
from argosy.registry.intake.catalog_file import DEFAULT_PROJECT, CatalogFile
from argosy.registry.store import adapters, catalog, changes
from sqlalchemy.ext.asyncio import AsyncConnection

_log = logging.getLogger(__name__)

BOOTSTRAP_KEY_ID: Final = "key_bootstrap"


class Seed:
    """The use case. `pepper` never leaves it."""

    def __init__(self, database: Database, clock: Clock, pepper: bytes) -> None:
        self._database = database
        self._clock = clock
        self._pepper = pepper

    async def __call__(self, file: CatalogFile, bootstrap_key: str) -> int:
        """Bring the database to `file`; returns the number of changed entries."""
        now = self._clock.now()
        async with self._database.begin() as connection:
            await changes.lock(connection)
            changed = [
                *await _seed_projects(connection, file, with_default=bool(bootstrap_key)),
                *await _seed_pools(connection, self._pools(file)),
                *await _seed_models(connection, _models(file, now)),
                *await _seed_keys(connection, self._keys(file, bootstrap_key), now),
            ]
            await changes.append(connection, changed)
        _log.info("catalogue seeded", extra={"changed_entries": len(changed)})
        return len(changed)

    def _pools(self, file: CatalogFile) -> list[Pool]:
        return [
            Pool(
                p.name,
                p.engine,
                p.replicas,
                digest(self._pepper, p.engine_key.get_secret_value()),
            )
            for p in file.pool
        ]

    def _keys(self, file: CatalogFile, bootstrap_key: str) -> list[Key]:
        secrets = [(k.id, k.project_id, k.name, k.secret.get_secret_value()) for k in file.key]
        # A file may name the bootstrap key itself, with a name or a project of its choice.
        if bootstrap_key and bootstrap_key not in {s[3] for s in secrets}:
            secrets.append((BOOTSTRAP_KEY_ID, DEFAULT_PROJECT, "Bootstrap key", bootstrap_key))
        return [
            Key(key_id, digest(self._pepper, secret), public_prefix(secret), project_id, name)
            for key_id, project_id, name, secret in secrets
        ]


def _models(file: CatalogFile, now: datetime) -> list[CatalogModel]:
    return [
        CatalogModel(
            id=m.id,
            kind=ModelKind(m.kind),
            owned_by=m.owned_by,
            context_length=m.context_length,
            trainable=m.trainable,
            pool=m.pool,
            weights_path=m.weights_path,
            created_at=now,
        )
        for m in file.model
    ]


async def _seed_projects(
    connection: AsyncConnection, file: CatalogFile, *, with_default: bool
) -> list[Change]:
    before = {p.id: p for p in await catalog.projects(connection)}
    organization = Organization(file.organization.id, file.organization.slug)
    if organization not in await catalog.organizations(connection):
        await catalog.put_organization(connection, organization)
    names = {p.id: p.name for p in file.project}
    if with_default:
        names.setdefault(DEFAULT_PROJECT, "Default")
    for project_id, name in names.items():
        project = Project(project_id, name, organization.id, organization.slug)
        if before.get(project_id) != project:
            await catalog.put_project(connection, project)
    # Read again: a new slug changes every project of the organisation, named by the file or not.
    after = await catalog.projects(connection)
    return [Change(EntryKind.PROJECT, p.id) for p in after if before.get(p.id) != p]


async def _seed_pools(connection: AsyncConnection, wanted: list[Pool]) -> list[Change]:
    present = {p.name: p for p in await catalog.pools(connection)}
    changed = []
    for pool in wanted:
        if present.pop(pool.name, None) != pool:
            await catalog.put_pool(connection, pool)
            changed.append(Change(EntryKind.POOL, pool.name))
    for name in present:
        await catalog.delete_pool(connection, name)
        changed.append(Change(EntryKind.POOL, name, removed=True))
    return changed


async def _seed_models(connection: AsyncConnection, wanted: list[CatalogModel]) -> list[Change]:
    present = {m.id: m for m in await catalog.base_models(connection)}
    changed = []
    for model in wanted:
        before = present.pop(model.id, None)
        if before is None or before != replace(model, created_at=before.created_at):
            await catalog.put_base_model(connection, model)
            changed.append(Change(EntryKind.MODEL, model.id))
    for model_id in present:
        await catalog.delete_base_model(connection, model_id)
        changed.append(Change(EntryKind.MODEL, model_id, removed=True))
    # An adapter takes its pool, its context length and whether it can be served from its base.
    dependent = await adapters.ids_on(connection, [c.id for c in changed])
    return changed + [Change(EntryKind.MODEL, model_id) for model_id in dependent]


async def _seed_keys(connection: AsyncConnection, wanted: list[Key], now: datetime) -> list[Change]:
    present = {k.id: k for k in await catalog.keys(connection)}
    new = [k for k in wanted if present.get(k.id) != k]
    gone = present.keys() - {k.id for k in wanted}
    # All that changes goes first: two keys may have exchanged their secrets.
    for key_id in {*gone, *(k.id for k in new)}:
        await catalog.delete_key(connection, key_id)
    for key in new:
        await catalog.add_key(connection, key, now)
    return [
        *(Change(EntryKind.KEY, k.id) for k in new),
        *(Change(EntryKind.KEY, key_id, removed=True) for key_id in sorted(gone)),
    ]
