"""JSONL and plain text: one line at a time; a line too long is passed over without holding it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from argosy.registry.datasets.sources.rows import Place, Refused, Row, Rows, refused
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.strict_json import parse

_BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read_jsonl(path: Path, max_line_bytes: int) -> Rows:
    """Yield the value of each line that is not blank."""
    with path.open("rb") as stream:
        for number, line in _lines(stream, max_line_bytes):
            place = Place(number)
            try:
                if number == 1 and line is not None and line.startswith(_BOMS):
                    raise Problem("", "starts with a byte order mark; save it as UTF-8 without BOM")
                if line is None:
                    raise Problem("", f"is longer than the limit of {max_line_bytes} bytes")
                if not line.strip():
                    continue
                if b"\r" in line:
                    raise Problem("", "holds a carriage return; end lines with LF")
                yield Row(place, parse(line))
            except Problem as problem:
                yield refused(place, problem)


def read_text(path: Path, max_line_bytes: int, *, whole: bool) -> Rows:
    """Yield each line that is not blank as a document, or the file as one (`whole`)."""
    with path.open("rb") as stream:
        if whole:
            content = stream.read(max_line_bytes + 1)
            if len(content) > max_line_bytes:
                yield Refused(Place(1), f"is longer than the limit of {max_line_bytes} bytes")
            else:
                yield _document(Place(1), content)
            return
        for number, line in _lines(stream, max_line_bytes):
            if line is None:
                why = f"is longer than the limit of {max_line_bytes} bytes"
                yield Refused(Place(number), why)
            elif line.strip():
                yield _document(Place(number), line)


def _document(place: Place, raw: bytes) -> Row | Refused:
    try:
        # A text file's mark is no part of its text.
        return Row(place, raw.decode("utf-8-sig" if place.line == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        return Refused(place, f"byte {error.start + 1} is not UTF-8; save the file as UTF-8")


def _lines(stream: BinaryIO, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line's number and bytes without its end; None for one that is too long."""
    number = 0
    while line := stream.readline(limit + 2):
        number += 1
        if not line.endswith(b"\n") and len(line) > limit:
            while line and not line.endswith(b"\n"):
                line = stream.readline(1 << 16)
            yield number, None
            continue
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        yield number, line if len(line) <= limit else None
