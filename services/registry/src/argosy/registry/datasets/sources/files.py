"""A file of any type we know, as rows: the type is told by the name's end.

Knows which reader reads what. Does not know where the file came from or what the rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets.sources.archives import ArchiveLimits, members
from argosy.registry.datasets.sources.lines import read_jsonl, read_text
from argosy.registry.datasets.sources.rows import Place, Refused, Rows, Unreadable
from argosy.registry.datasets.sources.spreadsheets import read_xlsx
from argosy.registry.datasets.sources.tables import read_csv

_IMAGES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
TYPES: Final = (".jsonl", ".json", ".csv", ".txt", ".xlsx", ".zip")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read. `columns` renames a table's columns; `whole` takes a text file as one."""

    limits: ArchiveLimits
    max_line_bytes: int
    columns: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False


def read_file(path: Path, name: str, scratch: Path, options: ReadOptions) -> Rows:
    """Yield the rows of the file at `path`, which its owner calls `name`.

    Raises InvalidRequest or TooLarge if nothing of it can be taken.
    """
    if PurePosixPath(name).suffix.lower() == ".zip":
        yield from _archive(path, scratch, options)
    else:
        yield from _plain(path, name, options)


def _archive(path: Path, scratch: Path, options: ReadOptions) -> Rows:
    for member in members(path, scratch, options.limits):
        inner = PurePosixPath(member.name)
        if inner.suffix.lower() in _IMAGES or inner.name.startswith("."):
            continue
        # Archives made on macOS carry a shadow of each file.
        if inner.parts[0] == "__MACOSX":
            continue
        for row in _plain(member.path, member.name, options):
            yield replace(row, place=Place(row.place.line, member.name))


def _plain(path: Path, name: str, options: ReadOptions) -> Rows:
    suffix = PurePosixPath(name).suffix.lower()
    try:
        if suffix in {".jsonl", ".json"}:
            yield from read_jsonl(path, options.max_line_bytes)
        elif suffix == ".txt":
            yield from read_text(path, options.max_line_bytes, whole=options.whole)
        elif suffix == ".csv":
            yield from read_csv(path, options.columns, options.max_line_bytes)
        elif suffix == ".xlsx":
            yield from read_xlsx(path, options.columns, options.limits.max_member_bytes)
        else:
            raise InvalidRequest(
                f"The file's name must end in one of: {', '.join(TYPES)}.",
                param="source",
                code="unsupported_file_type",
            )
    except Unreadable as unreadable:
        yield Refused(Place(unreadable.line), f"{unreadable.why}; the rest was not read")
