"""An import: fetch the source, read and judge its rows, land the good ones in a version.

A row that cannot be taken is told with its line and the rule; `on_error` says whether the others
are taken all the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets import parameters
from argosy.registry.datasets.formats.read import Reading, fit, read
from argosy.registry.datasets.parameters import Import
from argosy.registry.datasets.sets import RecordStatus, Step, characters
from argosy.registry.datasets.sources.archives import ArchiveLimits
from argosy.registry.datasets.sources.fetch import Fetcher
from argosy.registry.datasets.sources.files import ReadOptions, read_file
from argosy.registry.datasets.sources.rows import Place, Refused, Row
from argosy.registry.datasets.store.records import copy_line
from argosy.registry.datasets.usecases.shelf import dataset_in
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.datasets.worker.landing import Rows, open_version, put_rows
from argosy.registry.datasets.worker.spools import dump
from argosy.registry.intake.problems import Problem

# As many wrong lines as an answer names.
MAX_TOLD: Final = 100
_MAX_MESSAGE: Final = 500


@dataclass(slots=True)
class Tally:
    """What came of the rows. `kind` is the records' once the first is known."""

    kind: str
    records: int = 0
    unannotated: int = 0
    refused: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, place: Place, why: str) -> None:
        """Count a row that is not taken, and tell of the first ones."""
        self.refused += 1
        if len(self.told) < MAX_TOLD:
            where = {"line": place.line} | ({"file": place.member} if place.member else {})
            self.told.append({**where, "message": why[:_MAX_MESSAGE]})

    @property
    def status(self) -> str:
        """How it went, as a whole."""
        if not self.records:
            return "failed"
        return "partial" if self.refused else "success"


async def work(bench: Bench) -> None:
    """Do an import task."""
    asked = parameters.read(Import, bench.task.parameters)
    async with bench.database.begin() as connection:
        target = await dataset_in(connection, bench.task.project_id, bench.task.dataset_id)
    fetched = await Fetcher(bench).fetch(asked.source)
    tally = Tally(target.kind)
    spool = bench.new_path()
    await asyncio.to_thread(_read, bench, asked, fetched.path, fetched.name, spool, tally)
    if not tally.records or (tally.refused and asked.on_error == "fail"):
        raise _nothing_taken(tally)
    async with bench.landing() as landing:
        version = await open_version(
            landing.connection,
            bench.task,
            asked.version_id,
            kind=tally.kind,
            now=bench.clock.now(),
            empty=asked.mode == "replace",
        )
        details = {
            "source": fetched.origin,
            "sha256": fetched.sha256,
            "format": asked.format or "detected",
            "records": tally.records,
            "refused": tally.refused,
        }
        step = Step("import", bench.clock.now(), details, bench.task.id)
        await put_rows(landing.connection, version, Rows(spool), [step])
        landing.version_id = version.id
        landing.result = {
            "status": tally.status,
            "version_id": version.id,
            "kind": tally.kind,
            "records": tally.records,
            "unannotated": tally.unannotated,
            "refused": tally.refused,
            "errors": tally.told,
            "source_sha256": fetched.sha256,
        }


def _read(bench: Bench, asked: Import, path: Path, name: str, spool: Path, tally: Tally) -> None:
    """Write the rows that are taken to `spool`, as they will land."""
    settings = bench.settings
    options = ReadOptions(
        ArchiveLimits(
            settings.max_archive_files,
            settings.max_archive_member_bytes,
            settings.max_archive_bytes,
        ),
        settings.max_line_bytes,
        asked.columns,
        whole=asked.documents == "file",
    )
    rows = read_file(path, name, bench.new_path(), options)
    with spool.open("w", encoding="utf-8") as sink:
        for row in bench.progress.watch(rows):
            if isinstance(row, Refused):
                tally.refuse(row.place, row.why)
                continue
            line = _taken(row, asked, tally)
            if line is None:
                continue
            sink.write(line + "\n")
            if tally.records > settings.max_dataset_records:
                raise InvalidRequest(
                    f"{row.place}: the file has more than {settings.max_dataset_records} records, "
                    "the limit. Split it.",
                    param="source",
                    code="too_many_records",
                )
    bench.progress.say()


def _taken(row: Row, asked: Import, tally: Tally) -> str | None:
    """Return a row as it will land, or None if it is refused."""
    try:
        reading = read(row.value, asked.format or "")
        if not tally.kind:
            tally.kind = _kind_of_first(reading, annotated=asked.annotated)
        reading = fit(reading, tally.kind)
        if asked.annotated and not reading.answered:
            raise Problem("", "has no answer; import with annotated false to take it unannotated")
    except Problem as problem:
        tally.refuse(row.place, str(problem))
        return None
    tally.records += 1
    if not reading.answered:
        tally.unannotated += 1
    status = RecordStatus.ANNOTATED if reading.answered else RecordStatus.UNANNOTATED
    notes = {"origin": "import", "line": row.place.line} | reading.notes
    if row.place.member:
        notes["file"] = row.place.member
    return copy_line(status, characters(reading.record), dump(reading.record), dump(notes))


def _kind_of_first(reading: Reading, *, annotated: bool) -> str:
    """Return the data set's kind as its first record tells it."""
    if annotated:
        return reading.kind
    try:
        # Questions alone, to be annotated, are dialogues that wait for their answers.
        return fit(reading, "dialogue").kind
    except Problem:
        return reading.kind


def _nothing_taken(tally: Tally) -> InvalidRequest:
    first = tally.told[0] if tally.told else None
    if first is None:
        return InvalidRequest("The file holds no record.", param="source", code="empty_file")
    where = f"{first['file']} line {first['line']}" if "file" in first else f"line {first['line']}"
    return InvalidRequest(
        f"{where}: {first['message']}. {tally.refused} lines were refused and "
        f"{tally.records} would have been taken; nothing was imported.",
        param="source",
        code="invalid_file",
    )
