"""The composition root of data sets, called by the registry's."""

from __future__ import annotations

from collections.abc import Callable

from argosy.kit.db import Database
from argosy.kit.lifecycle import Runtime
from argosy.registry.blobs.contract import BlobStore
from argosy.registry.datasets.metrics import DatasetMetrics
from argosy.registry.datasets.rpc import DatasetServicer
from argosy.registry.datasets.supervisor import Policy, Supervisor
from argosy.registry.datasets.usecases.presets import PresetDatasets
from argosy.registry.datasets.usecases.records import Records
from argosy.registry.datasets.usecases.sets import Datasets
from argosy.registry.datasets.usecases.targets import Outside
from argosy.registry.datasets.usecases.tasks import Tasks
from argosy.registry.datasets.usecases.versions import Versions
from argosy.registry.settings import RegistrySettings
from argosy.registry.usecases import sweep


def open_datasets(
    runtime: Runtime[RegistrySettings],
    database: Database,
    blobs: BlobStore,
    versions: Versions,
    tidy: Callable[[], int],
) -> DatasetServicer:
    """Build what serves data sets, and set its background work going."""
    settings, clock = runtime.settings, runtime.clock
    policy = Policy(
        settings.data_slots,
        settings.data_lease_seconds,
        settings.data_poll_seconds,
        settings.data_retry_seconds,
    )
    supervisor = Supervisor(database, policy, DatasetMetrics(runtime.metrics), tidy)
    datasets = Datasets(database, blobs, clock)
    runtime.background(supervisor.run(), "data tasks")
    if settings.preset_datasets:
        presets = PresetDatasets(database, blobs, clock)
        runtime.background(
            sweep.repeat(presets, settings.collect_seconds, "preset data sets"), "presets"
        )
    runtime.background(
        sweep.repeat(datasets.sweep, settings.sweep_seconds, "removal of deleted data sets"),
        "data set removal",
    )
    return DatasetServicer(
        datasets,
        versions,
        Records(database, clock, settings.max_line_bytes),
        Tasks(
            database,
            clock,
            Outside(settings.import_s3_prefix, settings.import_url_hosts),
            settings.max_data_tasks,
            supervisor.wake,
        ),
    )
