"""Tasks: long work on data sets, and the states it goes through.

Each ends in exactly one of `TERMINAL`. Knows no process and no table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class TaskStatus(StrEnum):
    """Where a task stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL: Final = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED})

# A child that dies is started again; work that kills it thrice would kill it for ever.
MAX_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `error` is {"kind", "message", "param", "code"} of one that failed."""

    id: str
    project_id: str
    key_id: str
    dataset_id: str
    version_id: str
    type: str
    status: TaskStatus
    parameters: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_requested: bool
    processed: int
    total: int
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a task: good while the task's epoch is this one."""

    task_id: str
    epoch: int
