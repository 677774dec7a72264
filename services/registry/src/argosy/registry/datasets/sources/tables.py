"""CSV: rows as objects under the names of their header.

A cell is text. Empty cells are left out; `messages` and the like, whose values are no text, are
read as JSON; `true` and `false` of a `label` are what they say.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argosy.registry.datasets.sources.rows import Place, Row, Rows, Unreadable, refused
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.strict_json import parse

_JSON_COLUMNS: Final = frozenset(
    {"messages", "input", "preferred_output", "non_preferred_output", "responses", "tools"}
)
_MAX_COLUMNS: Final = 64


def read_csv(path: Path, columns: Mapping[str, str], max_cell: int) -> Rows:
    """Yield the rows; `columns` gives a column's name in the header another meaning.

    Raises Unreadable where the file stops being CSV in UTF-8.
    """
    # Of the module, for lack of one of the reader: the child reads one file at a time.
    csv.field_size_limit(max_cell)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            yield from as_rows(((reader.line_num, cells) for cells in reader), columns)
        except (csv.Error, UnicodeDecodeError) as error:
            why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"no CSV: {error}"
            raise Unreadable(reader.line_num + 1, why) from None


def as_rows(lines: Iterator[tuple[int, Sequence[str]]], columns: Mapping[str, str]) -> Rows:
    """Yield a table's rows as objects; its first line is the header."""
    first = next(lines, None)
    if first is None:
        return
    header = [columns.get(name.strip(), name.strip().lower()) for name in first[1]]
    if len(header) > _MAX_COLUMNS or len(set(header)) != len(header) or not any(header):
        raise Unreadable(1, f"the header must name 1 to {_MAX_COLUMNS} columns, each once")
    for line, cells in lines:
        if not any(cells):
            continue
        place = Place(line)
        try:
            if len(cells) > len(header):
                raise Problem("", f"has {len(cells)} cells, the header {len(header)}")
            yield Row(place, _object(header, cells))
        except Problem as problem:
            yield refused(place, problem)


def _object(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=False):
        if not name or cell == "":
            continue
        if name in _JSON_COLUMNS or (name == "response" and cell.startswith("[[")):
            found[name] = parse(cell.encode())
        elif name == "label" and cell.lower() in {"true", "false"}:
            found[name] = cell.lower() == "true"
        else:
            found[name] = cell
    return found
