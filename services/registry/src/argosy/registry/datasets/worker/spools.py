"""A version's records as a file of ours: work on them holds no transaction and no memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argosy.registry.datasets.sets import RecordStatus, Version, characters
from argosy.registry.datasets.store import records
from argosy.registry.datasets.store.records import copy_line
from argosy.registry.datasets.worker.bench import Bench


@dataclass(frozen=True, slots=True)
class Kept:
    """A record with what is known beside its body."""

    position: int
    status: RecordStatus
    record: dict[str, Any]
    notes: dict[str, Any]

    def line(self, record: dict[str, Any] | None = None, **notes: Any) -> str:
        """Return the row of this record, or of what it became, for landing."""
        said = self.record if record is None else record
        about = self.notes | notes
        return copy_line(self.status, characters(said), dump(said), dump(about) if about else "")


class Spool:
    """The records of one version, as they were when it was read."""

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self.count = count

    def __iter__(self) -> Iterator[Kept]:
        with self._path.open(encoding="utf-8", newline="\n") as stream:
            for line in stream:
                position, status, body, notes = json.loads(line)
                about = json.loads(notes) if notes else {}
                yield Kept(position, RecordStatus(status), json.loads(body), about)


async def spool(bench: Bench, version: Version) -> Spool:
    """Read a version into a file."""
    path = bench.new_path()
    count = 0
    with path.open("w", encoding="utf-8") as sink:
        async with bench.database.begin() as connection:
            async for some in records.batches(connection, version.seq):
                rows = [[r.position, r.status.value, r.body, r.notes] for r in some]
                text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                await asyncio.to_thread(sink.write, text)
                count += len(rows)
    return Spool(path, count)


def dump(value: Any) -> str:
    """Return a value as the JSON text that is stored: characters as they are, no spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def written(path: Path, lines: Iterator[str]) -> int:
    """Write rows to a file, one a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as sink:
        for line in lines:
            sink.write(line + "\n")
            count += 1
    return count
