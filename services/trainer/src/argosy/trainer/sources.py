"""Where records come from: uploaded files and published versions of data sets, by id.

Knows the registry's calls. Decides nothing; raises `NotFound` and `Unavailable`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.api import ids
from argosy.api.records import DIALOGUE
from argosy.kit.errors import Conflict, Internal, InvalidRequest
from argosy.trainer.registry import Registry

_log = logging.getLogger(__name__)

_PUBLISHED: Final = "published"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """`complaint` says why it cannot be learnt from; empty if it can."""

    id: str
    kind: str
    records: int
    sha256: str
    complaint: str = ""
    # A version that may still change: it has to be published first.
    draft: bool = False


class Sources:
    """Files and versions of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def info(self, project_id: str, source_id: str) -> SourceInfo:
        if is_version(source_id):
            version = await self._registry.version(project_id, source_id)
            return SourceInfo(
                version.id,
                version.kind,
                version.records,
                version.sha256,
                draft=version.status != _PUBLISHED,
            )
        file = await self._registry.file(project_id, source_id)
        complaint = ""
        if file.purpose != "fine-tune":
            complaint = f"has the purpose '{file.purpose}'. Upload it with purpose 'fine-tune'."
        elif file.status == "error":
            complaint = "was refused at its upload."
        # Files from before kinds were told are dialogues.
        return SourceInfo(file.id, file.kind or DIALOGUE, file.rows, file.sha256, complaint)

    async def published(self, project_id: str, source_id: str) -> str:
        """Return the id of what is read: of a data set its newest published version.

        Raises `NotFound`, `InvalidRequest`, and `Conflict` for what is not published.
        """
        if source_id.startswith(ids.DATASET):
            return await self._registry.newest_version(project_id, source_id)
        info = await self.info(project_id, source_id)
        if info.draft:
            raise Conflict(
                f"The version '{source_id}' is not published. Publish it first: what is measured "
                "must not change any more.",
                param="data",
                code="version_not_published",
            )
        if info.complaint:
            raise InvalidRequest(
                f"The file '{source_id}' {info.complaint}", param="data", code="invalid_value"
            )
        return info.id

    async def lengths(
        self, project_id: str, source_id: str, model_id: str
    ) -> list[tuple[int, int]] | None:
        """Return (tokens, records with so many) under the model's template.

        None if they cannot be counted: the model has no tokenizer that the registry reads.
        """
        try:
            return await self._registry.lengths(project_id, source_id, model_id)
        except (InvalidRequest, Internal) as refusal:
            _log.warning("records are not measured: %s", refusal.message)
            return None

    async def download(self, project_id: str, source_id: str, target: Path) -> None:
        """Write the records as JSONL to `target`, which exists only once its hash was checked.

        Raises OSError from the disk, too.
        """
        if is_version(source_id):
            await self._registry.download_version(project_id, source_id, target)
        else:
            await self._registry.download(project_id, source_id, target)


def is_version(source_id: str) -> bool:
    """Tell whether an id is that of a version of a data set, not of a file."""
    return source_id.startswith(ids.DATASET_VERSION)
