"""Leases on a real database: one holder at a time, and one who lost it cannot write any more; a
checkpoint's last word and a cancel exclude each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argosy.api import ids
from argosy.kit.bus import Bus
from argosy.kit.clock import SystemClock
from argosy.kit.db import Database
from argosy.kit.errors import InvalidRequest
from argosy.kit.outbox import Outbox
from argosy.trainer.app import MIGRATIONS, SCHEMA
from argosy.trainer.domain import worker_lines
from argosy.trainer.domain.asked import Asked
from argosy.trainer.domain.cost import Cost
from argosy.trainer.domain.job import Job, JobError, Lease
from argosy.trainer.domain.states import State, Verb
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.runs.outcomes import LeaseLost
from argosy.trainer.runs.recorder import Recorder
from argosy.trainer.settings import TrainerSettings
from argosy.trainer.store import jobs, leases
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.control import ControlJob
from argosy.trainer.usecases.journal import Journal
from prometheus_client import CollectorRegistry

from tests.harness.servers import Postgres
from tests.harness.trainer_client import eventually

LONG, PAST = timedelta(seconds=60), timedelta(seconds=-1)
STEP = worker_lines.Step(1, 2.0, 0.5, 0.001, 1.0, 100, 50.0)


class Bench:
    """The writing parts of a trainer on a database of its own."""

    def __init__(self, transactions: Transactions, journal: Journal) -> None:
        self.transactions = transactions
        self.journal = journal
        self.looked: list[str] = []
        self.control = ControlJob(transactions, journal, self, self.exhausted)

    async def exhausted(self, project_id: str) -> str:
        """Money is no matter here."""
        return ""

    def look_again(self, job_id: str) -> None:
        self.looked.append(job_id)

    def wake(self) -> None:
        """Nobody sleeps here."""

    async def job(self, state: State = State.RUNNING) -> Job:
        """Insert a job that has got as far as `state`."""
        new = jobs.NewJob(
            id=ids.new_id(ids.JOB), project_id="proj_default", organization_slug="argosy",
            key_id="key_1", fingerprint=b"", model="base", tuned_model=ids.new_id("ft:"),
            training_file="file-1", validation_file="", result_file="file-2", suffix="", seed=1,
            metadata={}, asked=Asked(), base="base", traceparent="",
        )  # fmt: skip
        async with self.transactions.begin() as connection:
            await jobs.insert(connection, new)
            return await jobs.update(connection, new.id, state=state)

    async def take(self, owner: str, duration: timedelta = LONG) -> Lease:
        async with self.transactions.begin() as connection:
            taken = await leases.take(connection, [State.QUEUED, State.RUNNING], owner, duration)
        assert taken is not None
        return taken[1]

    async def take_none(self) -> None:
        async with self.transactions.begin() as connection:
            assert await leases.take(connection, [State.RUNNING], "x", LONG) is None

    def recorder(self, lease: Lease) -> Recorder:
        metrics = TrainerMetrics(CollectorRegistry())
        return Recorder(self.transactions, self.journal, lease, SystemClock(), metrics)

    async def state(self, job: Job) -> State:
        async with self.transactions.begin() as connection:
            found = await jobs.find(connection, job.id)
        assert found is not None
        return found.state


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("leases")
    # PostgreSQL runs as another user and must get to its folder.
    for path in (folder, *list(folder.parents)[:2]):
        path.chmod(0o755)
    server = Postgres(folder)
    yield server
    server.stop()


@pytest.fixture
async def bench(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Bench]:
    settings = TrainerSettings.model_validate(
        {
            "bind": "127.0.0.1:0", "health_bind": "127.0.0.1:0", "service_token": "t",
            "database_url": await postgres.new_database(ids.new_id("leases_")),
            "registry_url": "127.0.0.1:1", "run_root": tmp_path,
        }
    )  # fmt: skip
    async with Database.open(settings.database_url, SCHEMA) as database:
        await database.migrate(MIGRATIONS)
        outbox = Outbox(database, Bus(settings), CollectorRegistry())
        yield Bench(Transactions(database), Journal(outbox, SystemClock()))


async def test_a_job_has_one_holder_until_the_lease_lapses(bench: Bench) -> None:
    await bench.job()
    first = await bench.take("a")
    await bench.take_none()
    async with bench.transactions.begin() as connection:
        assert await leases.renew(connection, first, PAST) is State.RUNNING
    second = await bench.take("b")
    assert (second.job_id, second.epoch) == (first.job_id, first.epoch + 1)
    async with bench.transactions.begin() as connection:
        assert await leases.renew(connection, first, LONG) is None
        # Nor may the first give back what is not its own any more.
        await leases.release(connection, first)
    await bench.take_none()
    async with bench.transactions.begin() as connection:
        await leases.release(connection, second)
    assert (await bench.take("c")).epoch == second.epoch + 1


async def test_takers_at_the_same_time_get_different_jobs(bench: Bench) -> None:
    made = {(await bench.job()).id for _ in range(8)}
    taken = await asyncio.gather(*(bench.take("a") for _ in range(8)))
    assert {lease.job_id for lease in taken} == made


async def test_a_supervisor_takes_up_only_its_own(bench: Bench) -> None:
    await bench.job()
    await bench.job()
    ours, theirs = await bench.take("a"), await bench.take("b")
    async with bench.transactions.begin() as connection:
        assert await leases.release_all(connection, "a") == 1
    assert (await bench.take("a")).job_id == ours.job_id
    async with bench.transactions.begin() as connection:
        assert await leases.holds(connection, theirs, [State.RUNNING])


async def test_who_lost_the_lease_writes_nothing(bench: Bench) -> None:
    job = await bench.job()
    stale = bench.recorder(await bench.take("a", PAST))
    fresh = bench.recorder(await bench.take("b"))
    await fresh.step(STEP)
    for write in (
        stale.started(worker_lines.Started(8, 0)),
        stale.step(STEP),
        stale.validation(worker_lines.Validation(1, 1.0, 0.5)),
        stale.checkpointed(5),
        stale.crashed("why", 3),
        stale.finalizing(8),
        stale.failed(JobError("internal", "m")),
        _enter(stale),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert await bench.state(job) is State.RUNNING
    await fresh.finalizing(8)
    with pytest.raises(LeaseLost):
        await stale.succeeded(8, Cost())
    await fresh.succeeded(8, Cost())
    assert await bench.state(job) is State.SUCCEEDED


async def _enter(recorder: Recorder) -> None:
    async with recorder.publishing():
        raise AssertionError("the last word must not be said")


@pytest.mark.parametrize("verb", [Verb.CANCEL, Verb.PAUSE])
async def test_a_stopped_job_says_no_last_word(bench: Bench, verb: Verb) -> None:
    job = await bench.job()
    recorder = bench.recorder(await bench.take("a"))
    await bench.control(verb, job.project_id, job.id)
    assert bench.looked == [job.id]
    with pytest.raises(LeaseLost):
        await _enter(recorder)


@pytest.mark.parametrize("verb", [Verb.CANCEL, Verb.PAUSE])
async def test_a_stop_waits_for_the_last_word(bench: Bench, verb: Verb) -> None:
    job = await bench.job()
    recorder = bench.recorder(await bench.take("a"))
    async with contextlib.AsyncExitStack() as stack:
        note = await stack.enter_async_context(recorder.publishing())
        stopping = asyncio.create_task(bench.control(verb, job.project_id, job.id))

        async def queued() -> bool:
            async with bench.transactions.begin() as connection:
                query = "SELECT count(*) FROM pg_locks WHERE locktype='advisory' AND NOT granted"
                return bool((await connection.exec_driver_sql(query)).scalar())

        await eventually(queued, "the stop to wait")
        # Steps go on being written meanwhile.
        await recorder.step(STEP)
        await note(5, "ft:x:ckpt-step-5")
        assert not stopping.done()
    assert (await stopping).state in {State.CANCELLED, State.PAUSED}
    assert await recorder.published_steps() == {5}


async def test_a_cancel_after_the_training_comes_too_late(bench: Bench) -> None:
    job = await bench.job()
    recorder = bench.recorder(await bench.take("a"))
    await recorder.finalizing(8)
    with pytest.raises(InvalidRequest, match="has finished training and is publishing its model"):
        await bench.control(Verb.CANCEL, job.project_id, job.id)
    await recorder.succeeded(8, Cost())


async def test_what_is_told_again_is_kept_once(bench: Bench) -> None:
    job = await bench.job()
    recorder = bench.recorder(await bench.take("a"))
    await recorder.started(worker_lines.Started(2, 0))
    await recorder.step(STEP)
    await recorder.step(worker_lines.Step(1, 1.5, 0.5, 0.001, 1.0, 70, 50.0))
    await recorder.step(worker_lines.Step(2, 1.0, 0.5, 0.001, 1.0, 30, 50.0))
    await recorder.finalizing(2)
    await recorder.succeeded(2, Cost())
    async with bench.transactions.begin() as connection:
        done = await jobs.find(connection, job.id)
        query = "SELECT count(*) FROM events WHERE key = 'step:1'"
        assert (await connection.exec_driver_sql(query)).scalar() == 1
    assert done is not None
    # The newest value of each step counts, once.
    assert done.trained_tokens == 100
