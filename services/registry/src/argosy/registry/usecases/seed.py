"""Brings the database to what the catalogue file and the bootstrap key say, at each start.

Changes only what differs, and notes only that: a restart without a change wakes no gateway. Keys of
the file, pools and base models that it no longer names go; projects stay, since they own files and
models. Keys that were made through the API are not the file's and stay; a key that was revoked
stays revoked, whatever the file says. Adapters of a base that goes stay and are not servable until
it is back.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.blobs.base_weights import read_config
from argosy.registry.domain.accounts import OPERATOR_EMAIL, OPERATOR_ID, User
from argosy.registry.domain.artifacts import BaseShape
from argosy.registry.domain.catalog import Change, EntryKind, Organization, Pool, Project
from argosy.registry.domain.keys import AdminRole, Key, digest, public_prefix
from argosy.registry.domain.limits import NO_LIMITS
from argosy.registry.domain.models import CatalogModel, ModelKind
from argosy.registry.domain.routes import Route
from argosy.registry.intake.catalog_file import (
    DEFAULT_PROJECT,
    CatalogFile,
    KeyEntry,
    ModelEntry,
    ProjectEntry,
)
from argosy.registry.store import accounts_keys, accounts_people, adapters, catalog, changes, routes
from pydantic import SecretStr
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
        models = await asyncio.to_thread(_models, file, now)
        async with self._database.begin() as connection:
            await changes.lock(connection)
            await _seed_operator(connection, now)
            projects = await _seed_projects(connection, file, with_default=bool(bootstrap_key))
            engines = await _engines(connection)
            pools = await _seed_pools(connection, self._pools(file))
            moved = engines != await _engines(connection)
            changed = [
                *projects,
                *pools,
                *await _seed_models(connection, models, moved=moved),
                *await _seed_routes(connection, [entry.route for entry in file.route]),
                *await _seed_keys(connection, self._keys(file, bootstrap_key), now),
            ]
            await changes.append(connection, changed)
        _log.info("catalogue seeded", extra={"changed_entries": len(changed)})
        return len(changed)

    def _pools(self, file: CatalogFile) -> list[Pool]:
        return [
            Pool(
                name=p.name,
                engine=p.engine,
                replicas=p.replicas,
                engine_key_digest=digest(self._pepper, p.engine_key.get_secret_value()),
                concurrency=p.concurrency,
                queue=p.queue,
                queue_seconds=p.queue_seconds,
                weights=p.weights,
                max_loras=p.max_loras,
                max_cpu_loras=p.max_cpu_loras,
            )
            for p in file.pool
        ]

    def _keys(self, file: CatalogFile, bootstrap_key: str) -> list[Key]:
        entries = list(file.key)
        # A file may name the bootstrap key itself, with a name or a project of its choice.
        if bootstrap_key and bootstrap_key not in {k.secret.get_secret_value() for k in entries}:
            # Made past the file's rules: they do not hold for what the environment says.
            bootstrap = KeyEntry.model_construct(
                id=BOOTSTRAP_KEY_ID, name="Bootstrap key", secret=SecretStr(bootstrap_key)
            )
            entries.append(bootstrap)
        return [self._key(entry, bootstrap_key) for entry in entries]

    def _key(self, entry: KeyEntry, bootstrap_key: str) -> Key:
        secret = entry.secret.get_secret_value()
        # The first key is the operator's, who has no other way to make more.
        admin = entry.admin or secret == bootstrap_key
        return Key(
            entry.id,
            digest(self._pepper, secret),
            public_prefix(secret),
            entry.project_id,
            entry.name,
            admin_role=AdminRole.OWNER if admin else AdminRole.NONE,
            user_id=OPERATOR_ID,
            limits=entry.limits or NO_LIMITS,
            priority=entry.priority,
        )


def _models(file: CatalogFile, now: datetime) -> list[CatalogModel]:
    return [_model(entry, now) for entry in file.model]


def _model(entry: ModelEntry, now: datetime) -> CatalogModel:
    shape = BaseShape(read_config(entry.weights_path) or {}, {})
    return CatalogModel(
        id=entry.id,
        kind=ModelKind(entry.kind),
        owned_by=entry.owned_by,
        context_length=entry.context_length,
        modalities=entry.modalities,
        trainable=entry.trainable,
        pool=entry.pool,
        weights_path=entry.weights_path,
        created_at=now,
        architecture=shape.architecture,
        quantization=shape.quantization,
    )


def _project(entry: ProjectEntry, organization: Organization, before: Project | None) -> Project:
    """Return what the entry says; where it is silent on limits or share, they stay as they were."""
    known = before or Project(entry.id, entry.name, organization.id, organization.slug)
    return Project(
        entry.id,
        entry.name,
        organization.id,
        organization.slug,
        entry.limits or known.limits,
        entry.share if "share" in entry.model_fields_set else known.share,
        stores_completions=known.stores_completions,
    )


async def _seed_projects(
    connection: AsyncConnection, file: CatalogFile, *, with_default: bool
) -> list[Change]:
    before = {p.id: p for p in await catalog.projects(connection)}
    organization = Organization(file.organization.id, file.organization.slug)
    if organization not in await catalog.organizations(connection):
        await catalog.put_organization(connection, organization)
    entries = {p.id: p for p in file.project}
    if with_default:
        entries.setdefault(DEFAULT_PROJECT, ProjectEntry(id=DEFAULT_PROJECT, name="Default"))
    for entry in entries.values():
        project = _project(entry, organization, before.get(entry.id))
        if before.get(entry.id) != project:
            await catalog.put_project(connection, project)
    # Read again: a new slug changes every project of the organisation, named by the file or not.
    after = await catalog.projects(connection)
    return [Change(EntryKind.PROJECT, p.id) for p in after if before.get(p.id) != p]


async def _engines(connection: AsyncConnection) -> dict[str, str]:
    """Return what decides where an adapter goes: which pools there are, with which engine."""
    return {pool.name: pool.engine for pool in await catalog.pools(connection)}


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


async def _seed_routes(connection: AsyncConnection, wanted: list[Route]) -> list[Change]:
    present = {r.name: r for r in await routes.routes(connection)}
    changed = []
    for route in wanted:
        if present.pop(route.name, None) != route:
            await routes.put(connection, route)
            changed.append(Change(EntryKind.ROUTE, route.name))
    for name in present:
        await routes.delete(connection, name)
        changed.append(Change(EntryKind.ROUTE, name, removed=True))
    return changed


async def _seed_models(
    connection: AsyncConnection, wanted: list[CatalogModel], *, moved: bool
) -> list[Change]:
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
    # An adapter takes its context length and whether it can be served from its base; its pool is
    # the base's, or another one whose engine can load it.
    touched = [*(m.id for m in wanted), *present] if moved else [c.id for c in changed]
    dependent = await adapters.ids_on(connection, touched)
    return changed + [Change(EntryKind.MODEL, model_id) for model_id in dependent]


async def _seed_keys(connection: AsyncConnection, wanted: list[Key], now: datetime) -> list[Change]:
    present, revoked = await accounts_keys.seeded(connection)
    alive = []
    for key in wanted:
        if key.digest in revoked:
            # Whoever revoked it must not find it alive after a restart.
            _log.warning("the key %s of the catalogue was revoked and stays so", key.id)
        else:
            alive.append(key)
    new = [k for k in alive if present.get(k.id) != k]
    gone = present.keys() - {k.id for k in alive}
    # All that changes goes first: two keys may have exchanged their secrets.
    for key_id in {*gone, *(k.id for k in new)} & present.keys():
        await accounts_keys.remove(connection, key_id)
    for key in new:
        await accounts_keys.add(connection, key, now)
    return [
        *(Change(EntryKind.KEY, k.id) for k in new),
        *(Change(EntryKind.KEY, key_id, removed=True) for key_id in sorted(gone)),
    ]


async def _seed_operator(connection: AsyncConnection, now: datetime) -> None:
    """Let there be someone whose the first keys are."""
    operator = User(OPERATOR_ID, OPERATOR_EMAIL, "Operator", "owner", now)
    await accounts_people.add_user(connection, operator)
