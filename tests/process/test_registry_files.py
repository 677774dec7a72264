"""Files through a real registry process: what is stored, who sees it, and what a crash leaves."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator

import asyncpg
import grpc
import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.kit.errors import ApiError, InvalidRequest, NotFound, TooLarge

from tests.harness.registry_client import LINE, PROJECT, Client
from tests.harness.registry_fleet import Fleet, Registry, fleet
from tests.harness.servers import wait_until


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry(
        "files",
        env={
            "ARGOSY_MAX_FILE_BYTES": str(8 << 20),
            "ARGOSY_MAX_FILE_ROWS": "1000",
            "ARGOSY_SWEEP_SECONDS": "0.1",
            "ARGOSY_UPLOAD_IDLE_SECONDS": "1",
        },
    )
    registry.start()
    return registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Client]:
    async with Client(registry) as client:
        for file in (await client.list()).files:
            await client.delete(file.id)
        assert registry.stored() == []
        yield client


async def test_a_file_from_upload_to_deletion(registry: Registry, client: Client) -> None:
    data = LINE * 3
    file = await client.upload(data, filename="销售.jsonl")
    assert (file.filename, file.purpose, file.status) == ("销售.jsonl", "fine-tune", "processed")
    assert (file.bytes, file.rows) == (len(data), 3)
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert not file.HasField("expires_at")
    assert await client.get(file.id) == file
    assert await client.read(file.id) == data
    assert list((await client.list()).files) == [file]
    assert len(registry.stored()) == 1
    await client.delete(file.id)
    assert registry.stored() == []
    for call in (client.get, client.read, client.delete):
        with pytest.raises(NotFound, match="No such File object"):
            await call(file.id)


async def test_content_arrives_as_it_was_sent(client: Client) -> None:
    data = os.urandom(5 << 20)
    file = await client.upload(data, purpose="user_data", filename="x.bin")
    assert await client.read(file.id) == data


async def test_expiry_is_kept(client: Client) -> None:
    file = await client.upload(expires_after_seconds=7200)
    assert file.expires_at.seconds - file.created_at.seconds == 7200


async def test_pages_in_both_directions(client: Client) -> None:
    files = [await client.upload() for _ in range(5)]
    other = await client.upload(b"x", purpose="user_data")
    ids = [f.id for f in files]

    async def page(**options: object) -> tuple[list[str], bool]:
        answer = await client.list(purpose="fine-tune", **options)
        return [f.id for f in answer.files], answer.has_more

    assert await page() == (ids[::-1], False)
    assert await page(limit=2) == ([ids[4], ids[3]], True)
    assert await page(limit=2, after=ids[3]) == ([ids[2], ids[1]], True)
    assert await page(limit=2, after=ids[1]) == ([ids[0]], False)
    assert await page(limit=5, ascending=True) == (ids, False)
    assert await page(after=ids[3], ascending=True) == ([ids[4]], False)
    # `after` may be of another purpose: it only marks a place.
    assert await page(after=other.id) == (ids[::-1], False)
    with pytest.raises(NotFound) as caught:
        await page(after="file-unknown")
    assert caught.value.param == "after"
    with pytest.raises(InvalidRequest, match="limit"):
        await page(limit=10_001)


async def test_another_projects_file_is_like_an_unknown_one(client: Client) -> None:
    file = await client.upload()
    other = "proj_other"

    async def message(file_id: str, verb: str) -> str:
        if verb == "after":
            call = client.list(project=other, after=file_id)
        else:
            call = getattr(client, verb)(file_id, project=other)
        with pytest.raises(NotFound) as caught:
            await call
        return caught.value.message.replace(file_id, "ID")

    for verb in ("get", "read", "delete", "after"):
        assert await message(file.id, verb) == await message("file-unknown", verb)
    assert list((await client.list(project=other)).files) == []
    assert await client.get(file.id) == file


async def test_a_refusal_leaves_nothing(registry: Registry, client: Client) -> None:
    with pytest.raises(InvalidRequest, match=r"line 2: messages"):
        await client.upload(LINE + b'{"messages": []}\n')
    with pytest.raises(InvalidRequest, match="line 1001"):
        await client.upload(LINE * 1001)
    with pytest.raises(TooLarge, match="8388608 bytes"):
        await client.upload(b"x" * (9 << 20), purpose="user_data")
    with pytest.raises(InvalidRequest, match="empty"):
        await client.upload(b"", purpose="user_data")
    with pytest.raises(InvalidRequest, match="purpose must be one of"):
        await client.upload(purpose="fine-tune-results")
    with pytest.raises(InvalidRequest, match="project"):
        await client.upload(project="proj_unknown")
    with pytest.raises(InvalidRequest, match="3600"):
        await client.upload(expires_after_seconds=1)
    assert registry.stored() == []
    assert list((await client.list()).files) == []


async def test_the_reason_arrives_however_much_is_on_its_way(client: Client) -> None:
    """A refusal, or a repeat's answer, in the middle of an upload must not get lost in it."""
    pieces = [b'{"messages": []}\n', *[LINE * 2000] * 40]
    await client.upload(b"x", purpose="user_data", file_id="file-first")
    for _ in range(15):
        with pytest.raises(InvalidRequest, match="line 1: messages"):
            await client.upload(pieces)
        with pytest.raises(InvalidRequest, match="filename"):
            await client.upload(pieces, filename="a/b")
        first = await client.upload(pieces, purpose="user_data", file_id="file-first")
        assert first.bytes == 1


async def test_a_services_file_id_makes_the_upload_repeatable(
    registry: Registry, client: Client
) -> None:
    async def once(content: bytes) -> pb.File:
        return await client.upload(
            content, purpose="fine-tune-results", filename="m.csv", file_id="file-result-1"
        )

    first = await once(b"step,loss\n")
    assert await once(b"something else\n") == first
    assert await client.read(first.id) == b"step,loss\n"

    async def racing(number: int) -> pb.File:
        return await client.upload(b"%d" % number, purpose="user_data", file_id="file-race")

    results = await asyncio.gather(*(racing(n) for n in range(8)))
    assert len({r.sha256 for r in results}) == 1
    assert len(registry.stored()) == 2
    with pytest.raises(InvalidRequest, match="file_id"):
        await client.upload(project="proj_other", file_id="file-race")
    assert len(registry.stored()) == 2


async def test_an_upload_that_breaks_off_is_not_stored(registry: Registry, client: Client) -> None:
    header = pb.FileHeader(project_id=PROJECT, filename="x.bin", purpose="user_data")
    for number in range(20):
        async with Client(registry) as other:
            call = other.files.CreateFile()
            await call.write(pb.CreateFileRequest(header=header))
            await call.write(pb.CreateFileRequest(chunk=b"half of it"))
            if number % 2:
                call.cancel()
            # Else the channel closes under it.
    staged = registry.blob_root / "staging"
    wait_until(lambda: sum(len(list(d.iterdir())) for d in staged.iterdir()) == 1, "staging")
    assert registry.stored() == []
    assert list((await client.list()).files) == []


async def test_an_upload_that_stalls_is_ended(registry: Registry, client: Client) -> None:
    call = client.files.CreateFile()
    header = pb.FileHeader(project_id=PROJECT, filename="x.bin", purpose="user_data")
    await call.write(pb.CreateFileRequest(header=header))
    await call.write(pb.CreateFileRequest(chunk=b"half of it"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(call, 10)
    assert "sent nothing for 1 seconds" in (caught.value.details() or "")
    assert registry.stored() == []


async def test_wrong_orders_of_messages(client: Client) -> None:
    for parts in (
        [],
        [pb.CreateFileRequest(chunk=b"x")],
        [pb.CreateFileRequest(header=pb.FileHeader(project_id=PROJECT, filename="x"))] * 2,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.files.CreateFile(iter(parts), timeout=10)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_delete_does_not_cut_a_reader_off(client: Client) -> None:
    data = os.urandom(7 << 20)
    file = await client.upload(data, purpose="user_data")
    call = client.files.ReadFile(pb.ReadFileRequest(project_id=PROJECT, file_id=file.id))
    first = await call.read()
    assert isinstance(first, pb.ReadFileResponse)
    await client.delete(file.id)
    assert first.chunk + b"".join([a.chunk async for a in call]) == data


async def test_values_that_no_column_takes_are_the_callers_fault(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        await client.get("file-\0")
    with pytest.raises(InvalidRequest, match="NUL"):
        await client.model("ft:\0")


async def test_expired_files_are_gone_at_once_and_their_bytes_soon(
    registry: Registry, client: Client
) -> None:
    file = await client.upload(expires_after_seconds=3600)
    kept = await client.upload(expires_after_seconds=7200)
    connection = await asyncpg.connect(registry.env["ARGOSY_DATABASE_URL"])
    try:
        await connection.execute(
            "UPDATE registry.file SET expires_at = now() - interval '1 second' WHERE id = $1",
            file.id,
        )
    finally:
        await connection.close()
    with pytest.raises(NotFound):
        await client.get(file.id)
    assert [f.id for f in (await client.list()).files] == [kept.id]
    await asyncio.to_thread(wait_until, lambda: len(registry.stored()) == 1, "the sweep")
    assert registry.metric('argosy_registry_removed_total{what="expired_file"}') == 1


@pytest.mark.parametrize(
    ("failpoint", "left"),
    [
        ("registry.blob.rename", 1),
        ("registry.file.before_row", 1),
        ("registry.file.before_commit", 1),
    ],
)
async def test_a_crash_on_the_way_leaves_no_row_and_the_next_start_cleans_up(
    ships: Fleet, failpoint: str, left: int
) -> None:
    registry = await asyncio.to_thread(
        ships.registry,
        "crash_" + failpoint.replace(".", "_"),
        env={"ARGOSY_ORPHAN_GRACE_SECONDS": "0"},
    )
    await asyncio.to_thread(registry.start, ARGOSY_FAILPOINTS=f"{failpoint}=exit@2")
    async with Client(registry) as client:
        first = await client.upload()
        with pytest.raises(ApiError):
            await client.upload()
    assert await asyncio.to_thread(registry.wait_exit) == 70
    assert len(registry.stored()) == 1 + left
    await asyncio.to_thread(registry.start)
    await asyncio.to_thread(wait_until, lambda: len(registry.stored()) == 1, "the collection")
    async with Client(registry) as client:
        assert [f.id for f in (await client.list()).files] == [first.id]
        assert await client.read(first.id) == LINE
    registry.stop()
