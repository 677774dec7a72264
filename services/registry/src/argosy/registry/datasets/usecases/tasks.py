"""Takes, shows and cancels tasks. The work itself is the child's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from argosy.api import ids
from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import RateLimited
from argosy.registry.datasets import parameters
from argosy.registry.datasets.store import tasks
from argosy.registry.datasets.tasks import Task, TaskStatus
from argosy.registry.datasets.usecases import targets
from argosy.registry.datasets.usecases.shelf import unknown
from argosy.registry.domain.paging import page

_DEFAULT_PAGE: Final = 20
_MAX_PAGE: Final = 100


class Tasks:
    """The use cases. `wake` tells the supervisor that there is work."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outside: targets.Outside,
        max_open: int,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._outside = outside
        self._max_open = max_open
        self._wake = wake

    async def create(
        self, project_id: str, key_id: str, task_type: str, dataset_id: str, text: str
    ) -> Task:
        """Queue a task.

        Raises InvalidRequest, NotFound, PermissionDenied, Conflict, RateLimited.
        """
        asked = parameters.check(task_type, text)
        made = Task(
            id=ids.new_id(ids.DATASET_TASK),
            project_id=project_id,
            key_id=key_id,
            dataset_id=dataset_id,
            version_id="",
            type=task_type,
            status=TaskStatus.QUEUED,
            parameters=asked.model_dump(mode="json"),
            result=None,
            error=None,
            cancel_requested=False,
            processed=0,
            total=0,
            attempts=0,
            created_at=self._clock.now(),
            started_at=None,
            finished_at=None,
        )
        async with self._database.begin() as connection:
            if await tasks.open_count(connection, project_id) >= self._max_open:
                raise RateLimited(
                    f"The project has {self._max_open} data tasks that have not ended, the most "
                    "at a time. Wait for one to end, or cancel one.",
                    code="too_many_tasks",
                )
            await targets.check(connection, made, asked, made.created_at, self._outside)
            await tasks.add(connection, made)
        self._wake()
        return made

    async def get(self, project_id: str, task_id: str) -> Task:
        """Return a task; raises NotFound."""
        async with self._database.begin() as connection:
            found = await tasks.find(connection, project_id, task_id)
        if found is None:
            raise unknown("Dataset task", task_id, param="task_id")
        return found

    async def list(
        self, project_id: str, dataset_id: str, after: str, limit: int
    ) -> tuple[list[Task], bool]:
        """Return a page of tasks, newest first; raises RuleBroken, NotFound."""
        wanted = page(after, limit, ascending=False, default=_DEFAULT_PAGE, maximum=_MAX_PAGE)
        async with self._database.begin() as connection:
            found = await tasks.page(connection, project_id, dataset_id, wanted)
        if found is None:
            raise unknown("Dataset task", after, param="after")
        return found

    async def cancel(self, project_id: str, task_id: str) -> Task:
        """Cancel a task that has not ended; one that has is returned as it is. Raises NotFound."""
        async with self._database.begin() as connection:
            found = await tasks.find(connection, project_id, task_id, lock=True)
            if found is None:
                raise unknown("Dataset task", task_id, param="task_id")
            await tasks.cancel_queued(connection, task_id, self._clock.now())
        self._wake()
        return await self.get(project_id, task_id)
