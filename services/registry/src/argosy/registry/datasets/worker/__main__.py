"""`python -m argosy.registry.datasets.worker TASK EPOCH`: does one task that its supervisor leased.

Ends with 0 when the task's result has landed, or when it has said why there is none. Any other end
is a crash, and the supervisor's to see to.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from argosy.kit import logs
from argosy.kit.clock import SystemClock
from argosy.kit.db import Database
from argosy.kit.errors import ApiError
from argosy.registry.blobs.files import FileBlobs
from argosy.registry.blobs.staging import Staging
from argosy.registry.datasets.store import tasks
from argosy.registry.datasets.tasks import Lease
from argosy.registry.datasets.worker.bench import Bench, LeaseLost, Progress, say
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.settings import RegistrySettings

_log = logging.getLogger(__name__)

# Modules by name: a child loads what its own task needs, and keeps its memory for the records.
_WORK: Final[Mapping[str, tuple[str, str]]] = {
    "augment": ("augmenting", "work"),
    "clean": ("cleaning", "work"),
    "convert": ("combining", "convert"),
    "draft": ("drafting", "work"),
    "export": ("exporting", "work"),
    "import": ("importing", "work"),
    "insight": ("insight", "work"),
    "mix": ("combining", "mix"),
    "reflow": ("reflowing", "work"),
    "split": ("combining", "split"),
}
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


async def _main(task_id: str, epoch: int) -> int:
    settings = RegistrySettings()
    lease = Lease(task_id, epoch)
    staging = Staging(settings.blob_root)
    with contextlib.closing(staging):
        # What an earlier child that was killed has left.
        await asyncio.to_thread(staging.remove_abandoned)
        async with Database.open(settings.database_url, "registry", pool_size=2) as database:
            async with database.begin() as connection:
                task = await tasks.by_lease(connection, lease)
            if task is None:
                return 0
            blobs = FileBlobs(settings.blob_root, staging)
            bench = Bench(
                task, lease, settings, database, blobs, SystemClock(), staging.new_path, Progress()
            )
            return await _work(bench)


async def _work(bench: Bench) -> int:
    try:
        await _work_of(bench.task.type)(bench)
    except LeaseLost:
        _log.warning("the task is no longer this child's", extra={"task_id": bench.task.id})
    except ApiError as error:
        say(failure=_failure(type(error).__name__, error.message, error.param, error.code))
    except RuleBroken as broken:
        say(failure=_failure("InvalidRequest", broken.message, broken.param, broken.code))
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        message = "The registry's storage is full. Delete files, or ask the operator for space."
        say(failure=_failure("Unavailable", message, None, "storage_full"))
    return 0


def _work_of(task_type: str) -> Callable[[Bench], Awaitable[None]]:
    module, name = _WORK[task_type]
    found: Callable[[Bench], Awaitable[None]] = getattr(
        importlib.import_module(f"argosy.registry.datasets.worker.{module}"), name
    )
    return found


def _failure(kind: str, message: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"kind": kind, "message": message, "param": param, "code": code}


if __name__ == "__main__":
    logs.configure("registry-data", RegistrySettings().log_level)
    sys.exit(asyncio.run(_main(sys.argv[1], int(sys.argv[2]))))
