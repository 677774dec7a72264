"""FA23: the response of `jobs.create` is lost after the commit and the SDK sends it again: exactly
one job. With an Idempotency-Key: the same answer, a conflict for another body, one execution of
however many arrive together, and a retry after kill -9 in the middle completes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import openai
import pytest
from argosy.kit.errors import Conflict, InvalidRequest, Unavailable

from tests.harness.cluster import MODEL, Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.proxy import TcpProxy
from tests.harness.registry_client import LINE
from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Yard, yard
from tests.harness.waiting import wait_until

WORKER: Final = Path(__file__).resolve().parents[1] / "fakes" / "worker.py"
PROCESSES: Final = ("postgres", "nats", "registry", "trainer", "gateway")


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Cluster]:
    """A fleet without engine and embedder: nobody asks a model here."""
    made = Cluster(
        tmp_path_factory.mktemp("fa23"),
        prepared_homes=prepared_homes,
        processes=PROCESSES,
        worker_command=[sys.executable, str(WORKER)],
    )
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def file_id(fleet: Cluster) -> str:
    content = ("train.jsonl", LINE * 20)
    return fleet.client().files.create(file=content, purpose="fine-tune").id


@pytest.fixture(scope="module")
def yard_of_module() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def ships(yard_of_module: Yard) -> Iterator[Yard]:
    yield yard_of_module
    yard_of_module.close_trainers()


def jobs_named(fleet: Cluster, suffix: str) -> list[str]:
    query = f"SELECT id FROM trainer.jobs WHERE suffix = '{suffix}'"  # noqa: S608 - ours
    return [row[0] for row in fleet.sql(query)]


def count(fleet: Cluster) -> int:
    return int(fleet.sql("SELECT count(*) FROM trainer.jobs")[0][0])


def create(client: openai.OpenAI, file_id: str, suffix: str, **options: Any) -> str:
    job = client.fine_tuning.jobs.create(
        model=MODEL,
        training_file=file_id,
        suffix=suffix,
        extra_body={"argosy": {"max_steps": 1}},
        **options,
    )
    return job.id


def test_fa23_a_lost_response_makes_no_second_job(
    fleet: Cluster, file_id: str, make_proxy: Callable[[int], TcpProxy]
) -> None:
    before = count(fleet)
    for number in range(1, 4):
        proxy = make_proxy(fleet.port("gateway"))
        proxy.faults.cut_responses = True

        def lost(proxy: TcpProxy = proxy, expected: int = before + number) -> bool:
            # A second connection means that the SDK has given up on the first.
            return proxy.connections >= 2 and count(fleet) == expected

        def heal(proxy: TcpProxy = proxy, lost: Callable[[], bool] = lost) -> None:
            wait_until(lost, 30, "the loss of a response")
            proxy.heal()

        healer = threading.Thread(target=heal)
        healer.start()
        client = fleet.client(base_url=f"http://{proxy.address}/v1", max_retries=5)
        job_id = create(client, file_id, f"lost{number}")
        healer.join()
        assert jobs_named(fleet, f"lost{number}") == [job_id]
        assert count(fleet) == before + number


def test_fa23_without_a_retry_a_twin_is_a_job_of_its_own(fleet: Cluster, file_id: str) -> None:
    made = [create(fleet.client(), file_id, "twin") for _ in range(2)]
    assert len(set(made)) == 2
    # A retry means the newest of them.
    retry = {"x-stainless-retry-count": "1"}
    assert create(fleet.client(), file_id, "twin", extra_headers=retry) == made[1]
    # The same words from another request body are no retry.
    other = create(fleet.client(), file_id, "twin2", extra_headers=retry)
    assert other not in made


def test_fa23_an_idempotency_key_names_one_request(fleet: Cluster, file_id: str) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = create(fleet.client(), file_id, "keyed", extra_headers=key)
    assert create(fleet.client(), file_id, "keyed", extra_headers=key) == first
    with pytest.raises(openai.ConflictError, match="Use a new key") as conflict:
        create(fleet.client(), file_id, "other", extra_headers=key)
    assert conflict.value.code == "idempotency_key_reused"
    assert jobs_named(fleet, "other") == []
    renewed = {"Idempotency-Key": "k-2"}
    assert create(fleet.client(), file_id, "keyed", extra_headers=renewed) != first


@pytest.mark.parametrize("how", ["key", "retry"])
def test_fa23_of_many_at_once_one_executes(fleet: Cluster, file_id: str, how: str) -> None:
    headers = {"Idempotency-Key": "at-once"} if how == "key" else {"x-stainless-retry-count": "2"}
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        futures = [
            pool.submit(create, fleet.client(), file_id, f"once-{how}", extra_headers=headers)
            for _ in range(12)
        ]
        made = {future.result() for future in futures}
    assert len(made) == 1
    assert jobs_named(fleet, f"once-{how}") == list(made)


@pytest.mark.parametrize(
    ("failpoint", "jobs_after_crash"),
    [("trainer.create.inserted=exit", 0), ("trainer.create.committed=exit", 1)],
)
@pytest.mark.parametrize("how", ["key", "retry"])
async def test_fa23_death_in_the_middle(
    ships: Yard, how: str, failpoint: str, jobs_after_crash: int
) -> None:
    trainer = await asyncio.to_thread(ships.trainer)
    await asyncio.to_thread(trainer.start, ARGOSY_FAILPOINTS=failpoint)
    file = await ships.upload()
    body: dict[str, Any] = {"suffix": "crash", "fingerprint": hashlib.sha256(b"body").digest()}
    if how == "key":
        body["idempotency_key"] = "k"
    async with Tuner(trainer) as tuner:
        with pytest.raises(Unavailable):
            await tuner.create(file, **body)

        async def dead() -> bool:
            return not trainer.alive()

        await eventually(dead, "the failpoint")
        assert len(await trainer.sql("SELECT id FROM jobs")) == jobs_after_crash
        await asyncio.to_thread(trainer.start)
        again = await tuner.create(file, retry=how == "retry", **body)
        assert [row["id"] for row in await trainer.sql("SELECT id FROM jobs")] == [again.id]
        events = [event.message for event in await tuner.events(again.id)]
        assert events[0] == f"Created fine-tuning job: {again.id}"
        await tuner.succeeded(again.id)


async def test_fa23_a_retry_waits_for_its_first_attempt(ships: Yard) -> None:
    """The first attempt has not committed yet when its impatient retries arrive."""
    trainer = await asyncio.to_thread(ships.trainer)
    await asyncio.to_thread(trainer.start)
    file = await ships.upload()
    fingerprint = hashlib.sha256(b"body").digest()

    async def waiting(kind: str, wanted: int) -> None:
        async def count() -> bool:
            query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = $1"
            return (await trainer.sql(query, kind))[0][0] >= wanted

        await eventually(count, f"{wanted} that wait for a lock on {kind}", log=trainer.log)

    blocker = await asyncpg.connect(trainer.env["ARGOSY_DATABASE_URL"])
    try:
        async with Tuner(trainer) as tuner, asyncio.TaskGroup() as group:
            async with blocker.transaction():
                await blocker.execute("LOCK TABLE trainer.idempotency, trainer.jobs IN SHARE MODE")
                first = group.create_task(tuner.create(file, fingerprint=fingerprint))
                await waiting("relation", 1)
                retries = [
                    group.create_task(tuner.create(file, fingerprint=fingerprint, retry=True))
                    for _ in range(3)
                ]
                await waiting("advisory", 3)
            made = {job.id for job in await asyncio.gather(first, *retries)}
            assert len(made) == 1
            assert [row["id"] for row in await trainer.sql("SELECT id FROM jobs")] == [*made]
    finally:
        await blocker.close()


async def test_fa23_keys_and_retries_stay_within_a_project(ships: Yard) -> None:
    trainer = await asyncio.to_thread(ships.trainer)
    await asyncio.to_thread(trainer.start)
    fingerprint = hashlib.sha256(b"body").digest()
    ours, theirs = await ships.upload(), await ships.upload(project="proj_other")
    async with Tuner(trainer) as tuner:
        first = await tuner.create(ours, idempotency_key="k", fingerprint=fingerprint)
        other = await tuner.create(
            theirs, project="proj_other", idempotency_key="k", fingerprint=fingerprint
        )
        retried = await tuner.create(
            theirs, project="proj_other", fingerprint=fingerprint, retry=True
        )
        assert other.id == retried.id != first.id
        with pytest.raises(Conflict) as conflict:
            await tuner.create(ours, idempotency_key="k", fingerprint=b"another")
        assert conflict.value.param == "Idempotency-Key"
        # The key is taken only by what succeeded: a refused request may be mended.
        with pytest.raises(InvalidRequest):
            await tuner.create("file-none", idempotency_key="mend", fingerprint=b"1")
        await tuner.create(ours, idempotency_key="mend", fingerprint=b"2")


async def test_fa23_a_twin_of_long_ago_is_no_retry(ships: Yard) -> None:
    trainer = await asyncio.to_thread(ships.trainer)
    await asyncio.to_thread(trainer.start)
    fingerprint = hashlib.sha256(b"body").digest()
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        first = await tuner.create(file, fingerprint=fingerprint)
        age = "UPDATE jobs SET created_at = created_at - interval '1 second' * $1"
        await trainer.sql(age, 590)
        again = await tuner.create(file, fingerprint=fingerprint, retry=True)
        assert again.id == first.id
        await trainer.sql(age, 20)
        later = await tuner.create(file, fingerprint=fingerprint, retry=True)
        assert later.id != first.id
