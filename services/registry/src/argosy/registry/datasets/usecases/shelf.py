"""What every use case of data sets begins with: the set, the version, and whether it may change.

Another project's is answered like an unknown one, word for word.
"""

from __future__ import annotations

from argosy.kit.errors import Conflict, NotFound, PermissionDenied
from argosy.registry.datasets.sets import PRESET, Dataset, Version, VersionStatus
from argosy.registry.datasets.store import sets, versions
from sqlalchemy.ext.asyncio import AsyncConnection

# As much of an unknown id as an answer repeats.
_ECHO = 128


def unknown(what: str, wanted: str, *, param: str) -> NotFound:
    """Return the answer to an id that names nothing of the project's."""
    return NotFound(f"No such {what}: {wanted[:_ECHO]}", param=param)


async def dataset_in(
    connection: AsyncConnection, project_id: str, dataset_id: str, *, change: bool = False
) -> Dataset:
    """Return a data set; with `change`, hold it. Raises NotFound, PermissionDenied."""
    found = await sets.find(connection, project_id, dataset_id, lock=change)
    if found is None:
        raise unknown("Dataset", dataset_id, param="dataset_id")
    if change:
        _own(found)
    return found


async def version_in(
    connection: AsyncConnection,
    project_id: str,
    version_id: str,
    dataset_id: str = "",
    *,
    change: bool = False,
) -> Version:
    """Return a version; with `change`, hold it, and it must be a draft.

    Raises NotFound, PermissionDenied, or Conflict if it is published.
    """
    found = await versions.find(connection, version_id, lock=change)
    if found is None or (dataset_id and found.dataset_id != dataset_id):
        raise unknown("Dataset version", version_id, param="version_id")
    owner = await sets.find(connection, project_id, found.dataset_id)
    if owner is None:
        raise unknown("Dataset version", version_id, param="version_id")
    if change:
        _own(owner)
        if found.status is VersionStatus.PUBLISHED:
            raise Conflict(
                f"The version {found.id} is published and never changes. Make a new version with "
                f"POST /v1/datasets/{found.dataset_id}/versions.",
                param="version_id",
                code="version_published",
            )
    return found


def _own(dataset: Dataset) -> None:
    if dataset.source == PRESET:
        raise PermissionDenied(
            f"The data set {dataset.id} is a preset and read-only. Mix it into a data set of your "
            "own to change it.",
            param="dataset_id",
            code="dataset_read_only",
        )
