"""What data sets, versions, records and tasks look like in answers."""

from __future__ import annotations

import json
from typing import Any

from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.gateway.http.paging import Json
from argosy.kit.errors import from_proto


def dataset_json(dataset: pb.Dataset) -> Json:
    """Return a `dataset`."""
    latest = dataset.latest_version if dataset.HasField("latest_version") else None
    return {
        "id": dataset.id,
        "object": "dataset",
        "name": dataset.name,
        "description": dataset.description or None,
        "kind": dataset.kind or None,
        "source": dataset.source,
        "metadata": dict(dataset.metadata),
        "created_at": dataset.created_at.seconds,
        "latest_version": None if latest is None else version_json(latest),
    }


def version_json(version: pb.DatasetVersion) -> Json:
    """Return a `dataset.version`, without its lineage."""
    done = version.records - version.unannotated - version.drafts
    published = version.published_at.seconds if version.HasField("published_at") else None
    return {
        "id": version.id,
        "object": "dataset.version",
        "dataset_id": version.dataset_id,
        "number": version.number,
        "name": f"V{version.number}",
        "kind": version.kind or None,
        "status": version.status,
        "record_count": version.records,
        "character_count": version.characters,
        "annotation": {
            "unannotated": version.unannotated,
            "drafts": version.drafts,
            # Of all records, rounded down: 100 only when none is left.
            "percent": 100 * done // version.records if version.records else 0,
            "milliseconds_per_record": version.milliseconds_per_annotation or None,
        },
        "parent_id": version.parent_id or None,
        "bytes": version.bytes or None,
        "sha256": version.sha256 or None,
        "created_at": version.created_at.seconds,
        "published_at": published,
    }


def lineage_json(version: pb.DatasetVersion) -> list[Json]:
    """Return what was done to get a version, in order."""
    return [
        {
            "object": "dataset.lineage_step",
            "type": step.type,
            "created_at": step.at.seconds,
            "task_id": step.task_id or None,
            **_object(step.details),
        }
        for step in version.lineage
    ]


def record_json(record: pb.DatasetRecord) -> Json:
    """Return a `dataset.record`."""
    return {
        "id": record.id,
        "object": "dataset.record",
        "status": record.status,
        "record": _object(record.body),
        "characters": record.characters,
        "notes": _object(record.notes),
    }


def task_json(task: pb.DatasetTask) -> Json:
    """Return a `dataset.task`."""
    ended = task.finished_at.seconds if task.HasField("finished_at") else None
    return {
        "id": task.id,
        "object": "dataset.task",
        "type": task.type,
        "status": task.status,
        "dataset_id": task.dataset_id or None,
        "version_id": task.version_id or None,
        "parameters": _object(task.parameters),
        "progress": {"processed": task.processed, "total": task.total or None},
        "result": _object(task.result) if task.result else None,
        "error": _error(task) if task.HasField("error") else None,
        "created_at": task.created_at.seconds,
        "started_at": task.started_at.seconds if task.HasField("started_at") else None,
        "finished_at": ended,
    }


def _error(task: pb.DatasetTask) -> Json:
    error = from_proto(task.error)
    return {
        "type": error.openai_type,
        "message": error.message,
        "param": error.param,
        "code": error.code,
    }


def _object(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text) if text else {}
    return found
