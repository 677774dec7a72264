"""Between data sets' words and the messages of datasets.proto."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from argosy.api.common.v1 import common_pb2
from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.kit import errors
from argosy.registry.datasets.sets import Dataset, Record, Step, Version, record_id
from argosy.registry.datasets.tasks import Task
from argosy.registry.rpc.translate import timestamp

_ERRORS: Final[Mapping[str, common_pb2.ErrorKind.ValueType]] = {
    cls.__name__: cls.kind
    for cls in (
        errors.InvalidRequest,
        errors.NotFound,
        errors.PermissionDenied,
        errors.Conflict,
        errors.TooLarge,
        errors.RateLimited,
        errors.Unavailable,
    )
}


def dataset(value: Dataset, latest: Version | None) -> pb.Dataset:
    """Return a data set's message with its newest version."""
    return pb.Dataset(
        id=value.id,
        project_id=value.project_id,
        name=value.name,
        description=value.description,
        kind=value.kind,
        source=value.source,
        metadata=value.metadata,
        created_at=timestamp(value.created_at),
        latest_version=None if latest is None else version(latest),
    )


def version(value: Version) -> pb.DatasetVersion:
    """Return a version's message."""
    message = pb.DatasetVersion(
        id=value.id,
        dataset_id=value.dataset_id,
        number=value.number,
        kind=value.kind,
        status=value.status.value,
        records=value.records,
        unannotated=value.unannotated,
        drafts=value.drafts,
        characters=value.characters,
        created_at=timestamp(value.created_at),
        bytes=value.bytes,
        sha256=value.sha256,
        parent_id=value.parent_id,
        lineage=[_step(s) for s in value.steps],
        milliseconds_per_annotation=value.annotation_ms // max(value.annotations, 1),
    )
    if value.published_at is not None:
        message.published_at.CopyFrom(timestamp(value.published_at))
    return message


def record(version_id: str, value: Record) -> pb.DatasetRecord:
    """Return a record's message."""
    return pb.DatasetRecord(
        id=record_id(version_id, value.position),
        position=value.position,
        status=value.status.value,
        body=value.body,
        characters=value.characters,
        notes=value.notes,
    )


def task(value: Task) -> pb.DatasetTask:
    """Return a task's message."""
    message = pb.DatasetTask(
        id=value.id,
        project_id=value.project_id,
        dataset_id=value.dataset_id,
        type=value.type,
        status=value.status.value,
        parameters=_json(value.parameters),
        result="" if value.result is None else _json(value.result),
        error=None if value.error is None else _error(value.error),
        created_at=timestamp(value.created_at),
        processed=value.processed,
        total=value.total,
        version_id=value.version_id,
        attempts=value.attempts,
    )
    if value.started_at is not None:
        message.started_at.CopyFrom(timestamp(value.started_at))
    if value.finished_at is not None:
        message.finished_at.CopyFrom(timestamp(value.finished_at))
    return message


def _step(value: Step) -> pb.LineageStep:
    return pb.LineageStep(
        type=value.type,
        at=timestamp(value.at),
        task_id=value.task_id,
        details=_json(value.details),
    )


def _error(value: Mapping[str, Any]) -> common_pb2.ApiError:
    return common_pb2.ApiError(
        kind=_ERRORS.get(value["kind"], common_pb2.ERROR_KIND_INTERNAL),
        message=value["message"],
        param=value["param"] or "",
        code=value["code"] or "",
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
