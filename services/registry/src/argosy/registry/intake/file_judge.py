"""The judge of an uploaded file: size, lines, rows and records, as the bytes stream by.

Holds one line at a time, so its memory does not grow with the file. Knows nothing of where the
bytes go. An error's text has the line's number and the rule, never the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argosy.kit.errors import InvalidRequest, TooLarge
from argosy.registry.domain.files import Purpose
from argosy.registry.intake.lines import LineSplitter
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.records import RecordJudge, judge_for
from argosy.registry.intake.shapes import obj
from argosy.registry.intake.strict_json import parse

_BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What an upload may weigh: bytes in all, rows, bytes in one line."""

    max_bytes: int
    max_rows: int
    max_line_bytes: int


class FileJudge:
    """Judges one upload. Feed it every byte, then `finish`."""

    def __init__(self, purpose: Purpose, limits: FileLimits) -> None:
        self._limits = limits
        self._records: RecordJudge | None = judge_for(purpose)
        self._lines = LineSplitter(limits.max_line_bytes)
        self._max_rows = limits.max_rows
        if self._records is not None and self._records.max_rows is not None:
            self._max_rows = min(self._max_rows, self._records.max_rows)
        self._blanks = 0
        self.bytes = 0
        self.rows = 0

    @property
    def kind(self) -> str:
        """The kind of the records, once they have been seen; empty where content is free."""
        return "" if self._records is None else self._records.kind

    def feed(self, chunk: bytes) -> None:
        """Judge the next bytes; raises InvalidRequest or TooLarge."""
        self.bytes += len(chunk)
        if self.bytes > self._limits.max_bytes:
            raise TooLarge(
                f"The file is larger than the limit of {self._limits.max_bytes} bytes. "
                "Split it into smaller files.",
                param="file",
                code="file_too_large",
            )
        if self._records is None:
            return
        try:
            for line in self._lines.feed(chunk):
                self._judge(line, self._records)
        except Problem as problem:
            raise self._refusal(problem) from None

    def finish(self) -> int:
        """Judge the end; returns the number of rows, 0 where content is free."""
        if self.bytes == 0:
            raise InvalidRequest("The file is empty.", param="file", code="empty_file")
        if self._records is None:
            return 0
        try:
            for line in self._lines.finish():
                self._judge(line, self._records)
        except Problem as problem:
            raise self._refusal(problem) from None
        if self.rows == 0:
            raise InvalidRequest(
                "The file holds no record: write one JSON object a line.",
                param="file",
                code="empty_file",
            )
        return self.rows

    def _judge(self, line: bytes, records: RecordJudge) -> None:
        if self._lines.number == 1 and line.startswith(_BOMS):
            raise Problem("", "starts with a byte order mark; save the file as UTF-8 without BOM")
        if not line.strip():
            # A blank line costs time too, and a file may be nothing but line ends.
            self._blanks += 1
            if self._blanks > self._max_rows:
                raise Problem("", f"the file has more than {self._max_rows} blank lines")
            return
        if b"\r" in line:
            # Readers that take a lone CR for a line end would see other lines than these.
            raise Problem("", "holds a carriage return; end lines with LF")
        self.rows += 1
        if self.rows > self._max_rows:
            raise Problem(
                "", f"the file has more rows than the limit of {self._max_rows}; split it"
            )
        records.judge(obj(parse(line), ""))

    def _refusal(self, problem: Problem) -> InvalidRequest:
        return InvalidRequest(
            f"line {self._lines.number}: {problem}.", param="file", code="invalid_file"
        )
