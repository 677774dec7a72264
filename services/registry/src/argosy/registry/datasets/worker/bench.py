"""What every task's work stands on: its row, the database, the blobs, a folder, and its landing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.blobs.files import FileBlobs
from argosy.registry.datasets.store import tasks
from argosy.registry.datasets.tasks import Lease, Task, TaskStatus
from argosy.registry.settings import RegistrySettings
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

_SAY_SECONDS: Final = 0.5


class LeaseLost(Exception):
    """Another has the task, or it was cancelled: nothing of this work may land."""


@dataclass(slots=True)
class Progress:
    """Tells the supervisor how far the work is, now and then. Called from the work's thread."""

    processed: int = 0
    total: int = 0
    _said: float = field(default_factory=time.monotonic)

    def step(self, count: int = 1) -> None:
        """So many more records have been looked at."""
        self.processed += count
        now = time.monotonic()
        if now - self._said >= _SAY_SECONDS:
            self._said = now
            self.say()

    def say(self) -> None:
        """Tell it now."""
        say(processed=self.processed, total=max(self.total, self.processed))

    def watch(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items and count them."""
        for item in items:
            yield item
            self.step()


def say(**words: Any) -> None:
    """Tell the supervisor something: one JSON object a line."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Bench:
    """`new_path` names a scratch file that goes with the process."""

    task: Task
    lease: Lease
    settings: RegistrySettings
    database: Database
    blobs: FileBlobs
    clock: Clock
    new_path: Callable[[], Path]
    progress: Progress

    @asynccontextmanager
    async def landing(self) -> AsyncIterator[Landing]:
        """Run the block as the one transaction in which the work becomes true.

        Raises LeaseLost. The task has succeeded if the block ends.
        """
        async with self.database.begin() as connection:
            if await tasks.lock(connection, self.lease) is None:
                raise LeaseLost
            landing = Landing(connection)
            yield landing
            await tasks.finish(
                connection,
                self.lease,
                TaskStatus.SUCCEEDED,
                result=landing.result,
                processed=self.progress.processed,
                total=max(self.progress.total, self.progress.processed),
                version_id=landing.version_id,
            )


@dataclass(slots=True)
class Landing:
    """What a task leaves: its result, and the version it wrote to."""

    connection: AsyncConnection
    result: dict[str, Any] = field(default_factory=dict)
    version_id: str = ""
