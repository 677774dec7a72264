"""blobs: aside first, then whole; never a leftover of a refusal; reads outlive deletes."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argosy.registry.blobs.adapters import AdapterFolders
from argosy.registry.blobs.files import FileBlobs
from argosy.registry.blobs.staging import Staging

LATER = datetime.now(UTC) + timedelta(hours=1)
EARLIER = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    staging = Staging(tmp_path)
    yield staging
    staging.close()


def left_in(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"]


async def batches(found: AsyncIterator[list[str]]) -> set[str]:
    return {name async for names in found for name in names}


async def test_a_blob_appears_whole_with_its_hash(tmp_path: Path, staging: Staging) -> None:
    blobs = FileBlobs(tmp_path, staging)
    async with blobs.upload() as upload:
        await upload.write(b"one ")
        await upload.write(b"two")
        assert left_in(tmp_path / "files") == []
        sealed = await upload.commit()
    assert sealed.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert sealed.bytes == 7
    async with blobs.read(sealed.name) as pieces:
        assert b"".join([p async for p in pieces]) == b"one two"
    assert left_in(tmp_path / "staging") == []


async def test_an_upload_that_fails_leaves_nothing(tmp_path: Path, staging: Staging) -> None:
    blobs, folders = FileBlobs(tmp_path, staging), AdapterFolders(tmp_path, staging)
    with contextlib.suppress(RuntimeError):
        async with blobs.upload() as upload:
            await upload.write(b"half")
            raise RuntimeError
    with contextlib.suppress(RuntimeError):
        async with folders.upload() as adapter:
            await adapter.begin("adapter_config.json")
            await adapter.write(b"{}")
            raise RuntimeError
    assert left_in(tmp_path) == []


async def test_a_read_that_began_before_the_delete_ends_well(
    tmp_path: Path, staging: Staging
) -> None:
    blobs = FileBlobs(tmp_path, staging)
    content = os.urandom(3 << 20)
    async with blobs.upload() as upload:
        await upload.write(content)
        sealed = await upload.commit()
    got = b""
    async with blobs.read(sealed.name) as pieces:
        async for piece in pieces:
            assert len(piece) <= 1 << 20
            got += piece
            await blobs.delete(sealed.name)
    assert got == content
    with pytest.raises(FileNotFoundError):
        async with blobs.read(sealed.name):
            pass


@pytest.mark.parametrize("name", ["../../../etc/passwd", "", "A" * 32, "a" * 31 + "/"])
async def test_a_damaged_name_leads_nowhere(tmp_path: Path, staging: Staging, name: str) -> None:
    with pytest.raises(ValueError, match="hex"):
        async with FileBlobs(tmp_path, staging).read(name):
            pass


async def test_an_adapter_appears_as_one_folder(tmp_path: Path, staging: Staging) -> None:
    folders = AdapterFolders(tmp_path, staging)
    async with folders.upload() as upload:
        await upload.begin("adapter_config.json")
        await upload.write(b"{}")
        await upload.begin("adapter_model.safetensors")
        await upload.write(b"weights")
        assert left_in(tmp_path / "adapters") == []
        sealed = await upload.commit()
    _is_a_whole_adapter(Path(folders.path(sealed.name)))
    await folders.delete(sealed.name)
    await folders.delete(sealed.name)
    assert left_in(tmp_path) == []


def _is_a_whole_adapter(path: Path) -> None:
    assert path.is_absolute()
    assert {p.name: p.read_bytes() for p in path.iterdir()} == {
        "adapter_config.json": b"{}",
        "adapter_model.safetensors": b"weights",
    }
    # Engines run as another user.
    assert path.stat().st_mode & 0o055 == 0o055


async def test_leftovers_are_found_by_age(tmp_path: Path, staging: Staging) -> None:
    blobs, folders = FileBlobs(tmp_path, staging), AdapterFolders(tmp_path, staging)
    async with blobs.upload() as upload:
        blob = await upload.commit()
    async with folders.upload() as adapter:
        folder = await adapter.commit()
    assert await batches(blobs.older_than(LATER)) == {blob.name}
    assert await batches(folders.older_than(LATER)) == {folder.name}
    assert await batches(blobs.older_than(EARLIER)) == set()
    assert await batches(folders.older_than(EARLIER)) == set()


def test_staging_of_the_dead_is_removed_and_of_the_living_kept(tmp_path: Path) -> None:
    living, dying = Staging(tmp_path), Staging(tmp_path)
    living.new_path().write_bytes(b"under way")
    dying.new_path().write_bytes(b"abandoned")
    os.close(dying._lock)  # what the kernel does when a process ends
    mine = Staging(tmp_path)
    assert mine.remove_abandoned() == 1
    assert [p.read_bytes() for p in left_in(tmp_path)] == [b"under way"]
    living.close()
    mine.close()
