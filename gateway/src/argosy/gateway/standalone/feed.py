"""The configuration file as entries of the catalogue, so that the lane cannot tell the difference.

Knows both forms. Does not know who reads them.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from typing import Final

from argosy.api.registry.v1.registry_pb2 import (
    MODEL_KIND_BASE,
    MODEL_KIND_EMBEDDING,
    MODEL_KIND_TUNED,
    PRIORITY_BATCH,
    PRIORITY_DEFAULT,
    PRIORITY_FLEX,
    PRIORITY_HIGH,
    Key,
    Limits,
    Model,
    Pool,
    Price,
    Priority,
    Project,
    Route,
    RouteTarget,
    WatchResponse,
)
from argosy.gateway.standalone.config import Config, LimitFields, PoolModel, PoolTable

_OWNER: Final = "argosy"
_PRIORITIES: Final[dict[str, Priority.ValueType]] = {
    "batch": PRIORITY_BATCH,
    "flex": PRIORITY_FLEX,
    "default": PRIORITY_DEFAULT,
    "high": PRIORITY_HIGH,
}


def entries(config: Config, pepper: bytes) -> Iterator[WatchResponse]:
    """Yield everything that exists, projects and pools before what names them."""
    for project in _projects(config):
        yield WatchResponse(project=project)
    for table in config.pool:
        yield WatchResponse(pool=_pool(table))
        for described in table.described():
            yield WatchResponse(model=_model(described, table.name))
    for model in _adapters(config):
        yield WatchResponse(model=model)
    for route in config.route:
        targets = [RouteTarget(model_id=t.model, weight=t.weight) for t in route.targets]
        yield WatchResponse(
            route=Route(name=route.name, targets=targets, fallbacks=route.fallbacks)
        )
    for key in _keys(config, pepper):
        yield WatchResponse(key=key)


def _projects(config: Config) -> Iterator[Project]:
    listed = {table.name: table for table in config.project}
    for name in dict.fromkeys([*listed, *(key.project for key in config.key)]):
        project = Project(id=name, name=name)
        if (table := listed.get(name)) is not None:
            project.limits.CopyFrom(_limits(table))
            project.share = table.share
        yield project


def _pool(table: PoolTable) -> Pool:
    return Pool(
        name=table.name,
        engine=table.engine,
        replicas=[url.rstrip("/") for url in table.replicas],
        engine_key=table.engine_key.get_secret_value() or os.environ.get(table.engine_key_env, ""),
        concurrency=table.concurrency,
        queue=table.queue,
        queue_seconds=table.queue_seconds,
        weights=table.weights,
        max_loras=table.max_loras,
        max_cpu_loras=table.max_cpu_loras,
    )


def _model(described: PoolModel, pool: str) -> Model:
    price = described.price
    return Model(
        id=described.name,
        kind=MODEL_KIND_EMBEDDING if described.kind == "embedding" else MODEL_KIND_BASE,
        owned_by=_OWNER,
        context_length=described.context_length,
        modalities=described.modalities,
        servable=True,
        pool=pool,
        price=Price(input=price.input, cached_input=price.cached_input, output=price.output),
    )


def _adapters(config: Config) -> Iterator[Model]:
    bases = {
        model.name: (model, table.name) for table in config.pool for model in table.described()
    }
    for adapter in config.adapter:
        base, pool = bases[adapter.base]
        model = _model(base, pool)
        model.id = adapter.name
        model.kind = MODEL_KIND_TUNED
        model.base = adapter.base
        model.adapter_path = adapter.path
        model.pinned_replicas = adapter.pinned_replicas
        yield model


def _keys(config: Config, pepper: bytes) -> Iterator[Key]:
    for table in config.key:
        yield Key(
            id=table.name,
            name=table.name,
            digest=hmac.digest(pepper, table.reveal().encode(), "sha256"),
            project_id=table.project,
            limits=_limits(table),
            priority=_PRIORITIES[table.priority],
            admin=table.admin,
        )


def _limits(table: LimitFields) -> Limits:
    return Limits(**{name: getattr(table, name) for name in LimitFields.model_fields})
