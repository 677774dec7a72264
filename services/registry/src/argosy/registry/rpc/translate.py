"""Between the domain's words and the messages of registry.proto."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.registry.blobs.contract import AdapterStore
from argosy.registry.domain.accounts_budgets import AccessMode, ModelAccess
from argosy.registry.domain.artifacts import Artifact
from argosy.registry.domain.catalog import EntryKind, Pool, Project
from argosy.registry.domain.files import File
from argosy.registry.domain.keys import AdminRole, Key, ProjectRole
from argosy.registry.domain.limits import NO_LIMITS, Limits, Priority
from argosy.registry.domain.models import CatalogModel, ModelKind, ServedAdapter
from argosy.registry.domain.prices import EVERY_MODEL, ModelPrice
from argosy.registry.domain.routes import Route
from argosy.registry.domain.serving import TRANSFORMERS, abilities
from argosy.registry.domain.usage import Usage
from argosy.registry.usecases.usage_prices import Prices
from argosy.registry.usecases.watch import Update
from google.protobuf.timestamp_pb2 import Timestamp

_MODEL_KINDS: Final = {
    ModelKind.BASE: pb.MODEL_KIND_BASE,
    ModelKind.EMBEDDING: pb.MODEL_KIND_EMBEDDING,
    ModelKind.TUNED: pb.MODEL_KIND_TUNED,
    ModelKind.CHECKPOINT: pb.MODEL_KIND_CHECKPOINT,
}
MODEL_KIND_FROM_PROTO: Final = {v: k for k, v in _MODEL_KINDS.items()}
_ARTIFACTS: Final = {
    Artifact.LORA: pb.ARTIFACT_LORA,
    Artifact.PROMPT_TUNING: pb.ARTIFACT_PROMPT_TUNING,
    Artifact.FULL: pb.ARTIFACT_FULL,
    Artifact.REWARD: pb.ARTIFACT_REWARD,
    Artifact.COMPRESSED: pb.ARTIFACT_COMPRESSED,
}
ARTIFACT_FROM_PROTO: Final[Mapping[int, Artifact]] = {
    pb.ARTIFACT_UNSPECIFIED: Artifact.LORA,
    **{v: k for k, v in _ARTIFACTS.items()},
}
ADMIN_ROLES: Final = {
    AdminRole.NONE: pb.ADMIN_ROLE_UNSPECIFIED,
    AdminRole.READER: pb.ADMIN_ROLE_READER,
    AdminRole.OWNER: pb.ADMIN_ROLE_OWNER,
}
_PROJECT_ROLES: Final = {
    ProjectRole.READER: pb.PROJECT_ROLE_READER,
    ProjectRole.MEMBER: pb.PROJECT_ROLE_MEMBER,
    ProjectRole.OWNER: pb.PROJECT_ROLE_OWNER,
}
PRIORITIES: Final = {
    Priority.BATCH: pb.PRIORITY_BATCH,
    Priority.FLEX: pb.PRIORITY_FLEX,
    Priority.DEFAULT: pb.PRIORITY_DEFAULT,
    Priority.HIGH: pb.PRIORITY_HIGH,
}
ACCESS_MODES: Final = {
    AccessMode.ALLOW_LIST: pb.MODEL_ACCESS_MODE_ALLOW_LIST,
    AccessMode.DENY_LIST: pb.MODEL_ACCESS_MODE_DENY_LIST,
}
_ENTRY_KINDS: Final = {
    EntryKind.KEY: pb.ENTRY_KIND_KEY,
    EntryKind.PROJECT: pb.ENTRY_KIND_PROJECT,
    EntryKind.MODEL: pb.ENTRY_KIND_MODEL,
    EntryKind.POOL: pb.ENTRY_KIND_POOL,
    EntryKind.ROUTE: pb.ENTRY_KIND_ROUTE,
}


@dataclass(frozen=True, slots=True)
class Translator:
    """Holds what messages carry but models' tables do not.

    Paths of folders, engines' secrets and names by pool, prices.
    """

    adapters: AdapterStore
    engine_keys: Mapping[str, str]
    engines: Mapping[str, str]
    prices: Prices

    def update(self, update: Update) -> pb.WatchResponse:
        """Return the message of one step of a watch."""
        answer = pb.WatchResponse(revision=update.revision)
        entry = update.entry
        if update.removal is not None:
            answer.removal.kind = _ENTRY_KINDS[update.removal.kind]
            answer.removal.id = update.removal.id
        elif isinstance(entry, Key):
            answer.key.CopyFrom(key(entry))
        elif isinstance(entry, Project):
            answer.project.CopyFrom(project(entry))
        elif isinstance(entry, Pool):
            answer.pool.CopyFrom(self._pool(entry))
        elif isinstance(entry, Route):
            answer.route.CopyFrom(_route(entry))
        elif entry is not None:
            answer.model.CopyFrom(self.model(entry))
        elif update.synced:
            answer.synced = True
        else:
            answer.heartbeat = True
        return answer

    def model(self, model: CatalogModel | ServedAdapter) -> pb.Model:
        """Return a model's message."""
        if isinstance(model, CatalogModel):
            able = abilities(model, self.engines)
            return pb.Model(
                price=_price(self.prices.today(model.id, EVERY_MODEL), model.kind),
                id=model.id,
                kind=_MODEL_KINDS[model.kind],
                owned_by=model.owned_by,
                created_at=timestamp(model.created_at),
                context_length=model.context_length,
                modalities=model.modalities,
                servable=not able.unservable,
                trainable=bool(able.scales),
                pool=model.pool,
                weights_path=model.weights_path,
                # Such an engine starts with nothing and loads what it is asked for.
                adapter_path=model.weights_path
                if self.engines.get(model.pool) == TRANSFORMERS
                else "",
                architecture=model.architecture,
                trainable_scales=able.scales,
                trainable_methods=able.methods,
                unservable_reason=able.unservable,
                untrainable_reason=able.untrainable,
            )
        adapter = model.adapter
        return pb.Model(
            price=_price(self.prices.today(adapter.id), adapter.kind),
            id=adapter.id,
            kind=_MODEL_KINDS[adapter.kind],
            project_id=adapter.project_id,
            owned_by=adapter.owned_by,
            created_at=timestamp(adapter.created_at),
            base=adapter.base,
            context_length=model.base.context_length if model.base else 0,
            modalities=model.base.modalities if model.base else (),
            servable=model.servable,
            pool=model.pool,
            adapter_path=self.adapters.path(adapter.folder),
            weights_path=self._weights_path(model),
            lora_rank=adapter.rank,
            job_id=adapter.job_id,
            step=adapter.step,
            artifact=_ARTIFACTS[adapter.artifact],
            virtual_tokens=adapter.virtual_tokens,
            artifact_bytes=adapter.bytes,
            parent=adapter.parent,
            measured=adapter.measured,
            shared_with=model.shared_with,
            evaluation_json=adapter.evaluation,
        )

    def _weights_path(self, model: ServedAdapter) -> str:
        if model.adapter.whole:
            return self.adapters.path(model.adapter.folder)
        if model.weights_folder:
            return self.adapters.path(model.weights_folder)
        return model.base.weights_path if model.base else ""

    def _pool(self, pool: Pool) -> pb.Pool:
        return pb.Pool(
            name=pool.name,
            engine=pool.engine,
            replicas=pool.replicas,
            engine_key=self.engine_keys.get(pool.name, ""),
            concurrency=pool.concurrency,
            queue=pool.queue,
            queue_seconds=pool.queue_seconds,
            weights=pool.weights,
            max_loras=pool.max_loras,
            max_cpu_loras=pool.max_cpu_loras,
        )


def _price(price: ModelPrice | None, kind: ModelKind) -> pb.Price | None:
    if price is None:
        return None
    if kind is ModelKind.EMBEDDING:
        return pb.Price(input=price.embedding, cached_input=price.embedding)
    return pb.Price(input=price.input, cached_input=price.cached_input, output=price.output)


def key(key: Key) -> pb.Key:
    """Return a key's message, as serving needs it."""
    message = pb.Key(
        id=key.id,
        digest=key.digest,
        project_id=key.project_id,
        name=key.name,
        admin_role=ADMIN_ROLES[key.admin_role],
        project_role=_PROJECT_ROLES[key.project_role],
        user_id=key.user_id,
        service_account_id=key.service_account_id,
        limits=limits(key.limits),
        priority=PRIORITIES[key.priority],
        admin=key.admin_role is not AdminRole.NONE,
    )
    if key.expires_at is not None:
        message.expires_at.CopyFrom(timestamp(key.expires_at))
    return message


def project(project: Project) -> pb.Project:
    """Return a project's message, as serving needs it."""
    return pb.Project(
        id=project.id,
        name=project.name,
        organization_slug=project.organization_slug,
        limits=limits(project.limits),
        share=project.share,
        stores_completions=project.stores_completions,
        model_limits={
            name: pb.Limits(**asdict(of_model))
            for name, of_model in project.budget.model_limits.items()
        },
        model_access=access(project.budget.access),
        spend_exhausted=project.budget.spend_exhausted,
    )


def access(value: ModelAccess | None) -> pb.ModelAccess | None:
    """Return the message of which models a project may name; None for all."""
    if value is None:
        return None
    return pb.ModelAccess(mode=ACCESS_MODES[value.mode], model_ids=value.model_ids)


def limits(limits: Limits) -> pb.Limits | None:
    """Return the message of limits, None where there are none."""
    return None if limits == NO_LIMITS else pb.Limits(**asdict(limits))


def _route(route: Route) -> pb.Route:
    return pb.Route(
        name=route.name,
        project_id=route.project_id,
        targets=[pb.RouteTarget(model_id=t.model_id, weight=t.weight) for t in route.targets],
        fallbacks=route.fallbacks,
    )


def file(file: File) -> pb.File:
    """Return a file's message. What is stored has been judged: its status is always processed."""
    message = pb.File(
        id=file.id,
        project_id=file.project_id,
        filename=file.filename,
        purpose=file.purpose.value,
        bytes=file.bytes,
        created_at=timestamp(file.created_at),
        status="processed",
        sha256=file.sha256,
        rows=file.rows,
        kind=file.kind,
    )
    if file.expires_at is not None:
        message.expires_at.CopyFrom(timestamp(file.expires_at))
    return message


def usage(use: Usage) -> pb.UsageEntry:
    """Return a ledger row's message."""
    return pb.UsageEntry(
        id=use.id,
        occurred_at=timestamp(use.occurred_at),
        project_id=use.project_id,
        key_id=use.key_id,
        model=use.model,
        request_id=use.request_id,
        operation=use.operation,
        outcome=use.outcome,
        input_tokens=use.input_tokens,
        output_tokens=use.output_tokens,
        cached_input_tokens=use.cached_input_tokens,
        training_tokens=use.training_tokens,
        estimated=use.estimated,
        duration_ms=use.duration_ms,
        first_token_ms=use.first_token_ms,
        user_id=use.user_id,
        batch=use.batch,
    )


def timestamp(moment: datetime) -> Timestamp:
    """Return a moment's message."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message
