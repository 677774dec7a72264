"""The events that the registry tells: news of changes that commit with them."""

from __future__ import annotations

from datetime import datetime

from argosy.api import ids, subjects
from argosy.api.events.v1 import events_pb2
from argosy.registry.domain.files import File
from argosy.registry.domain.models import Adapter


def file_created(file: File, now: datetime) -> events_pb2.Event:
    """A file can be used from now on."""
    event = _event(subjects.FILE_CREATED, file.project_id, now)
    event.file_created.file_id = file.id
    event.file_created.purpose = file.purpose.value
    return event


def file_deleted(file: File, now: datetime) -> events_pb2.Event:
    """A file is gone, deleted or expired."""
    event = _event(subjects.FILE_DELETED, file.project_id, now)
    event.file_deleted.file_id = file.id
    return event


def model_published(adapter: Adapter, now: datetime) -> events_pb2.Event:
    """A tuned model or checkpoint can be called from now on."""
    event = _event(subjects.MODEL_PUBLISHED, adapter.project_id, now)
    event.model_published.model_id = adapter.id
    event.model_published.job_id = adapter.job_id
    return event


def model_deleted(adapter: Adapter, now: datetime) -> events_pb2.Event:
    """A tuned model or checkpoint is gone."""
    event = _event(subjects.MODEL_DELETED, adapter.project_id, now)
    event.model_deleted.model_id = adapter.id
    event.model_deleted.job_id = adapter.job_id
    return event


def _event(event_type: str, project_id: str, now: datetime) -> events_pb2.Event:
    event = events_pb2.Event(id=ids.new_id(ids.EVENT), type=event_type, project_id=project_id)
    event.occurred_at.FromDatetime(now)
    return event
