"""Between the domain's words and the messages of registry.proto."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.registry.blobs.contract import AdapterStore
from argosy.registry.domain.catalog import EntryKind, Pool, Project
from argosy.registry.domain.files import File
from argosy.registry.domain.keys import Key
from argosy.registry.domain.models import CatalogModel, ModelKind, ServedAdapter
from argosy.registry.domain.usage import Usage
from argosy.registry.usecases.watch import Update
from google.protobuf.timestamp_pb2 import Timestamp

_MODEL_KINDS: Final = {
    ModelKind.BASE: pb.MODEL_KIND_BASE,
    ModelKind.EMBEDDING: pb.MODEL_KIND_EMBEDDING,
    ModelKind.TUNED: pb.MODEL_KIND_TUNED,
    ModelKind.CHECKPOINT: pb.MODEL_KIND_CHECKPOINT,
}
MODEL_KIND_FROM_PROTO: Final = {v: k for k, v in _MODEL_KINDS.items()}
_ENTRY_KINDS: Final = {
    EntryKind.KEY: pb.ENTRY_KIND_KEY,
    EntryKind.PROJECT: pb.ENTRY_KIND_PROJECT,
    EntryKind.MODEL: pb.ENTRY_KIND_MODEL,
    EntryKind.POOL: pb.ENTRY_KIND_POOL,
}


@dataclass(frozen=True, slots=True)
class Translator:
    """Holds what messages carry but the tables do not: folders' paths and engines' secrets."""

    adapters: AdapterStore
    engine_keys: Mapping[str, str]

    def update(self, update: Update) -> pb.WatchResponse:
        """Return the message of one step of a watch."""
        answer = pb.WatchResponse(revision=update.revision)
        entry = update.entry
        if update.removal is not None:
            answer.removal.kind = _ENTRY_KINDS[update.removal.kind]
            answer.removal.id = update.removal.id
        elif isinstance(entry, Key):
            answer.key.CopyFrom(_key(entry))
        elif isinstance(entry, Project):
            answer.project.CopyFrom(_project(entry))
        elif isinstance(entry, Pool):
            answer.pool.CopyFrom(self._pool(entry))
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
            return pb.Model(
                id=model.id,
                kind=_MODEL_KINDS[model.kind],
                owned_by=model.owned_by,
                created_at=timestamp(model.created_at),
                context_length=model.context_length,
                servable=True,
                trainable=model.trainable,
                pool=model.pool,
                weights_path=model.weights_path,
            )
        adapter = model.adapter
        return pb.Model(
            id=adapter.id,
            kind=_MODEL_KINDS[adapter.kind],
            project_id=adapter.project_id,
            owned_by=adapter.owned_by,
            created_at=timestamp(adapter.created_at),
            base=adapter.base,
            context_length=model.base.context_length if model.base else 0,
            servable=model.servable,
            pool=model.base.pool if model.base else "",
            adapter_path=self.adapters.path(adapter.folder),
            lora_rank=adapter.rank,
            job_id=adapter.job_id,
            step=adapter.step,
        )

    def _pool(self, pool: Pool) -> pb.Pool:
        return pb.Pool(
            name=pool.name,
            engine=pool.engine,
            replicas=pool.replicas,
            engine_key=self.engine_keys.get(pool.name, ""),
        )


def _key(key: Key) -> pb.Key:
    return pb.Key(id=key.id, digest=key.digest, project_id=key.project_id, name=key.name)


def _project(project: Project) -> pb.Project:
    return pb.Project(id=project.id, name=project.name, organization_slug=project.organization_slug)


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
    )


def timestamp(moment: datetime) -> Timestamp:
    """Return a moment's message."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message
