"""Preset data sets of a real registry process: every project sees them, nobody changes them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import pytest
from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.api.registry.v1 import datasets_pb2_grpc
from argosy.kit.clock import SystemClock
from argosy.kit.db import Database
from argosy.kit.errors import PermissionDenied
from argosy.kit.rpc import calling
from argosy.registry.blobs.files import FileBlobs
from argosy.registry.blobs.staging import Staging
from argosy.registry.datasets.presets.catalogue import PRESETS, Preset
from argosy.registry.datasets.usecases.presets import PresetDatasets

from tests.harness.registry_fleet import Fleet, Registry, fleet

ROLE_PLAY = "dset_preset_role_play"


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry("presets", env={"ARGOSY_PRESET_DATASETS": "true"})
    registry.start()
    return registry


@pytest.fixture
async def datasets(registry: Registry) -> AsyncIterator[datasets_pb2_grpc.DatasetServiceAsyncStub]:
    async with registry.channel() as channel:
        yield datasets_pb2_grpc.DatasetServiceStub(channel)


async def presets(
    datasets: datasets_pb2_grpc.DatasetServiceAsyncStub, project: str
) -> list[pb.Dataset]:
    asked = pb.ListDatasetsRequest(
        project_id=project, source="preset", page=PageRequest(limit=100), published=True
    )
    return list((await datasets.ListDatasets(asked, timeout=10)).datasets)


async def test_c17_c36_presets_are_there_for_every_project_published_and_read_only(
    registry: Registry, datasets: datasets_pb2_grpc.DatasetServiceAsyncStub
) -> None:
    # The process brings them beside its other work; this waits for it, and finds nothing to do.
    await bring(registry, PRESETS)
    found = {each.id: each for each in await presets(datasets, "proj_other")}
    assert set(found) == {f"dset_preset_{preset.key}" for preset in PRESETS}
    purposes = {each.metadata["purpose"] for each in found.values()}
    assert purposes == {"training", "evaluation"}
    version = found[ROLE_PLAY].latest_version
    assert (version.id, version.status, version.records) == (
        "dsv_preset_role_play_v1",
        "published",
        120,
    )
    content = b""
    read = pb.ReadVersionRequest(project_id="proj_other", version_id=version.id)
    async for answer in datasets.ReadVersion(read, timeout=10):
        content += answer.chunk
    preset = next(preset for preset in PRESETS if preset.key == "role_play")
    assert content.decode().splitlines() == preset.lines()
    assert version.sha256 == hashlib.sha256(content).hexdigest()
    with pytest.raises(PermissionDenied, match="is a preset and read-only"), calling("registry"):
        await datasets.DeleteDataset(
            pb.DeleteDatasetRequest(project_id="proj_default", dataset_id=ROLE_PLAY), timeout=10
        )


async def test_what_is_there_stays_and_other_records_make_a_new_version(
    registry: Registry, datasets: datasets_pb2_grpc.DatasetServiceAsyncStub
) -> None:
    await bring(registry, PRESETS)
    assert await bring(registry, PRESETS) == 0
    other = next(preset for preset in PRESETS if preset.key == "sentiment")
    changed = replace(other, rule=PRESETS[0].rule)
    assert await bring(registry, [changed]) == 1
    assert await bring(registry, [changed]) == 0
    asked = pb.ListVersionsRequest(project_id="proj_other", dataset_id="dset_preset_sentiment")
    found = list((await datasets.ListVersions(asked, timeout=10)).versions)
    assert [(each.number, each.status, each.records) for each in found] == [
        (2, "published", 120),
        (1, "published", 120),
    ]
    assert found[0].parent_id == found[1].id
    assert found[0].sha256 != found[1].sha256


async def bring(registry: Registry, wanted: Sequence[Preset]) -> int:
    settings = registry.settings()
    staging = Staging(registry.blob_root)
    with contextlib.closing(staging):
        async with Database.open(settings.database_url, "registry", pool_size=1) as database:
            blobs = FileBlobs(registry.blob_root, staging)
            return await PresetDatasets(database, blobs, SystemClock(), wanted)()
