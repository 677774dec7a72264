"""Export: a version as a file of the project, in any format that can say its records."""

from __future__ import annotations

import asyncio
import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from argosy.api import ids
from argosy.kit.errors import InvalidRequest
from argosy.registry.blobs.contract import Sealed
from argosy.registry.datasets import parameters
from argosy.registry.datasets.formats.write import write
from argosy.registry.datasets.parameters import Export
from argosy.registry.datasets.usecases.shelf import version_in
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.datasets.worker.spools import Spool, spool
from argosy.registry.domain.files import File, Purpose
from argosy.registry.intake.problems import Problem
from argosy.registry.store import files

_MAX_TOLD: Final = 100
_PIECE: Final = 1 << 20


@dataclass(slots=True)
class Tally:
    """What came of the records."""

    written: int = 0
    refused: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)


async def work(bench: Bench) -> None:
    """Do an export task."""
    asked = parameters.read(Export, bench.task.parameters)
    async with bench.database.begin() as connection:
        version = await version_in(
            connection, bench.task.project_id, asked.version_id, bench.task.dataset_id
        )
    records = await spool(bench, version)
    bench.progress.total = records.count
    target, tally = bench.new_path(), Tally()
    writer = _csv if asked.file_type == "csv" else _jsonl
    await asyncio.to_thread(writer, bench, asked, version.kind, records, target, tally)
    if not tally.written:
        why = tally.told[0]["message"] if tally.told else "it has none"
        raise InvalidRequest(
            f"No record can be said in the format {asked.format}: {why}.",
            param="format",
            code="format_cannot_say",
        )
    sealed = await _store(bench, target)
    file = File(
        id=ids.new_id(ids.FILE),
        project_id=bench.task.project_id,
        filename=f"{version.id}.{asked.file_type}",
        purpose=Purpose.USER_DATA,
        bytes=sealed.bytes,
        created_at=bench.clock.now(),
        expires_at=None,
        sha256=sealed.sha256,
        rows=tally.written,
        blob=sealed.name,
    )
    async with bench.landing() as landing:
        await files.add(landing.connection, file)
        landing.version_id = version.id
        landing.result = {
            "file_id": file.id,
            "records": tally.written,
            "refused": tally.refused,
            "errors": tally.told,
        }


def _jsonl(
    bench: Bench, asked: Export, kind: str, records: Spool, target: Path, tally: Tally
) -> None:
    with target.open("w", encoding="utf-8", newline="\n") as sink:
        for value in _values(bench, asked, kind, records, tally):
            sink.write(json.dumps(value, ensure_ascii=False) + "\n")


def _csv(
    bench: Bench, asked: Export, kind: str, records: Spool, target: Path, tally: Tally
) -> None:
    columns = ["system", "prompt", "completion", "chosen", "rejected", "label"]
    with target.open("w", encoding="utf-8", newline="") as sink:
        table = csv.DictWriter(sink, columns, restval="", extrasaction="ignore")
        table.writeheader()
        for value in _values(bench, asked, kind, records, tally):
            table.writerow(value)


def _values(bench: Bench, asked: Export, kind: str, records: Spool, tally: Tally) -> Any:
    for kept in bench.progress.watch(records):
        try:
            value = write(kept.record, kind, asked.format, kept.notes)
        except Problem as problem:
            tally.refused += 1
            if len(tally.told) < _MAX_TOLD:
                tally.told.append({"position": kept.position, "message": str(problem)})
            continue
        tally.written += 1
        yield value


async def _store(bench: Bench, path: Path) -> Sealed:
    async with bench.blobs.upload() as blob:
        with path.open("rb") as stream:
            while piece := await asyncio.to_thread(stream.read, _PIECE):
                await blob.write(piece)
        return await blob.commit()
