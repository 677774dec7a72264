"""What the code says, read from its syntax trees: metrics, error codes, environment variables.

Imports no part, and sees every module, the training child's too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from argosy.api import subjects

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"

_FOLDERS: Final = ("services", "gateway", "cli", "proto/src/argosy/api")
# Instruments, and the families of collectors that render numbers of their own.
_COLLECTORS: Final = {
    name + form: name for name in ("Counter", "Gauge", "Histogram") for form in ("", "MetricFamily")
}
_ARGUMENTS: Final = {"documentation": "help", "labelnames": "labels", "labels": "labels"}


@dataclass(frozen=True, order=True)
class Metric:
    """A metric as it is constructed. `name` is as a scrape shows it: counters end in `_total`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax tree of every module of ours that is written by hand."""
    found = {
        path: ast.parse(path.read_text("utf-8"))
        for folder in _FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "_pb2" not in path.name
    }
    assert len(found) > 100, "the sources are not where this module looks"
    return found


def calls() -> Iterator[ast.Call]:
    """Yield every call in the code."""
    for tree in trees().values():
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def strings() -> Iterator[str]:
    """Yield every string literal in the code."""
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def metrics() -> list[Metric]:
    """Return every metric that the code constructs."""
    return sorted({found for call in calls() if (found := _metric(call)) is not None})


def _metric(call: ast.Call) -> Metric | None:
    kind = _COLLECTORS.get(call.func.id) if isinstance(call.func, ast.Name) else None
    first = call.args[0] if call.args else None
    # collections.Counter shares its name, and takes no string of ours.
    if kind is None or not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return None
    given = dict(zip(("name", "help", "labels"), call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg in _ARGUMENTS:
            given[_ARGUMENTS[keyword.arg]] = keyword.value
    # Other classes share names, too; a series is told in words.
    if not isinstance(given.get("help"), ast.Constant):
        return None
    name, text = ast.literal_eval(given["name"]), ast.literal_eval(given["help"])
    labels = tuple(ast.literal_eval(given["labels"])) if "labels" in given else ()
    if kind == "Counter" and not name.endswith("_total"):
        name += "_total"
    return Metric(name, kind.lower(), labels, text)


def error_codes() -> set[str]:
    """Return every literal `code="…"` that an error is raised with."""
    return {
        keyword.value.value
        for call in calls()
        for keyword in call.keywords
        if keyword.arg == "code"
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    }


def environment_names() -> set[str]:
    """Return every `ARGOSY_…` that stands in the code as a string of its own."""
    streams = {subjects.STREAM, subjects.DEAD_STREAM}
    return {text for text in strings() if re.fullmatch(r"ARGOSY_[A-Z0-9_]+", text)} - streams


def table_rows(document: str) -> set[str]:
    """Return the table rows of a document in `docs/`, without the spaces around their cells."""
    lines = (DOCS / document).read_text("utf-8").splitlines()
    return {row(*_cells(line)) for line in lines if line.startswith("|")}


def first_cells(document: str) -> set[str]:
    """Return what stands in backquotes at the start of a document's table rows."""
    lines = (DOCS / document).read_text("utf-8").splitlines()
    found = (re.match(r"\| *`([^`]+)`", line) for line in lines)
    return {match[1] for match in found if match}


def row(*cells: str) -> str:
    """Return a table row as `table_rows` does."""
    return "| " + " | ".join(cells) + " |"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
