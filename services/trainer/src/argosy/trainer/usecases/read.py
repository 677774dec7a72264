"""Reading jobs, their events and their checkpoints, a page at a time.

Knows paging and project walls. Does not know SQL or transport.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from argosy.kit.errors import InvalidRequest
from argosy.trainer.domain.job import Checkpoint, Job, JobEvent, MetricsRow, Observation
from argosy.trainer.store import history, jobs
from argosy.trainer.store.transactions import Connection, Transactions
from argosy.trainer.usecases.control import no_such_job

T = TypeVar("T")

MAX_LIMIT: Final = 100
_MAX_EVENTS: Final = 1000
_ALL_STEPS: Final = 2**62


@dataclass(frozen=True, slots=True)
class Page:
    """`limit` 0 means the resource's default."""

    after: str
    limit: int
    ascending: bool


@dataclass(frozen=True, slots=True)
class Series:
    """All that was measured and seen while a job was trained."""

    job: Job
    steps: list[MetricsRow]
    observations: list[Observation]


class ReadJobs:
    """The use cases behind the lists and `retrieve`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def get(self, project_id: str, job_id: str) -> Job:
        """Raises `NotFound`."""
        async with self._transactions.begin() as connection:
            return await _job(connection, project_id, job_id)

    async def made_by(self, project_id: str, job_id: str) -> Job | None:
        """Return the job that made a model; None if it is none of this project's."""
        async with self._transactions.begin() as connection:
            return await jobs.get(connection, project_id, job_id)

    async def jobs(
        self, project_id: str, page: Page, metadata: Mapping[str, str]
    ) -> tuple[list[Job], bool]:
        """Return the jobs and whether there are more."""
        limit = limited(page, default=20, most=MAX_LIMIT)
        async with self._transactions.begin() as connection:
            found = await jobs.page(
                connection,
                project_id,
                after=page.after,
                limit=limit + 1,
                ascending=page.ascending,
                metadata=metadata,
            )
        return cut(found, limit, page)

    async def events(self, project_id: str, job_id: str, page: Page) -> tuple[list[JobEvent], bool]:
        """Return the job's events and whether there are more. Raises `NotFound`."""
        return await self._of_job(history.events_page, project_id, job_id, page, 20, _MAX_EVENTS)

    async def checkpoints(
        self, project_id: str, job_id: str, page: Page
    ) -> tuple[list[Checkpoint], bool]:
        """Return the job's checkpoints and whether there are more. Raises `NotFound`."""
        return await self._of_job(history.checkpoints_page, project_id, job_id, page, 10, MAX_LIMIT)

    async def series(self, project_id: str, job_id: str, *, after: int) -> Series:
        """Return the figures of the steps after `after`. Raises `NotFound`."""
        async with self._transactions.begin() as connection:
            job = await _job(connection, project_id, job_id)
            return Series(
                job,
                await history.metrics_until(connection, job_id, _ALL_STEPS, after=max(after, 0)),
                await history.observed(connection, job_id),
            )

    async def _of_job(
        self,
        read: Callable[..., Awaitable[list[T] | None]],
        project_id: str,
        job_id: str,
        page: Page,
        default: int,
        most: int,
    ) -> tuple[list[T], bool]:
        limit = limited(page, default=default, most=most)
        async with self._transactions.begin() as connection:
            await _job(connection, project_id, job_id)
            found = await read(
                connection, job_id, after=page.after, limit=limit + 1, ascending=page.ascending
            )
        return cut(found, limit, page)


async def _job(connection: Connection, project_id: str, job_id: str) -> Job:
    job = await jobs.get(connection, project_id, job_id)
    if job is None:
        raise no_such_job(job_id)
    return job


def limited(page: Page, *, default: int, most: int) -> int:
    """Return how many are shown. Raises `InvalidRequest`."""
    limit = page.limit or default
    if not 1 <= limit <= most:
        raise InvalidRequest(
            f"'limit' is {limit}, but must lie between 1 and {most}. Page on with 'after'.",
            param="limit",
            code="invalid_value",
        )
    return limit


def cut(found: list[T] | None, limit: int, page: Page) -> tuple[list[T], bool]:
    """Return a page of what was read with one too many, and whether there are more."""
    if found is None:
        raise InvalidRequest(
            f"'after' names nothing in this list: '{page.after}'. "
            "Give the id of the last object of the page before.",
            param="after",
            code="invalid_value",
        )
    return found[:limit], len(found) > limit
