"""XLSX: the first sheet's rows, as objects under the names of their header.

An XLSX file is a ZIP archive of XML: it is judged as one before any of it is parsed.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final
from xml.etree.ElementTree import ParseError

from argosy.registry.datasets.sources.archives import ArchiveLimits, judge
from argosy.registry.datasets.sources.rows import Rows, Unreadable
from argosy.registry.datasets.sources.tables import as_rows
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

# The texts that cells share are held in memory: at most so many bytes of them.
_MAX_SHARED: Final = 64 << 20
_SHARED: Final = "xl/sharedStrings.xml"
_PARTS: Final = 2_000
_UNREADABLE: Final = (
    zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, IndexError, ValueError,
)  # fmt: skip


def read_xlsx(path: Path, columns: Mapping[str, str], max_bytes: int) -> Rows:
    """Yield the rows; raises InvalidRequest or TooLarge for an archive that hurts, Unreadable."""
    with path.open("rb") as stream:
        try:
            _judge(stream, max_bytes)
            with warnings.catch_warnings():
                # Of styles and extensions that are not read anyway.
                warnings.simplefilter("ignore")
                book = load_workbook(stream, read_only=True, data_only=True)
                sheet = book.worksheets[0]
            # What a file says of its own size is not believed.
            sheet.reset_dimensions()
            yield from as_rows(_cells(sheet.iter_rows(values_only=True)), columns)
        except _UNREADABLE as error:
            why = f"is no XLSX file that can be read ({type(error).__name__})"
            raise Unreadable(1, why) from None


def _judge(stream: BinaryIO, max_bytes: int) -> None:
    with zipfile.ZipFile(stream) as opened:
        infos = opened.infolist()
    judge(infos, ArchiveLimits(_PARTS, max_bytes, 4 * max_bytes))
    if sum(i.file_size for i in infos if i.filename == _SHARED) > _MAX_SHARED:
        raise Unreadable(1, f"its texts take more than {_MAX_SHARED} bytes; save it as CSV")


def _cells(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[int, Sequence[str]]]:
    for number, row in enumerate(rows, start=1):
        cells = ["" if cell is None else _text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        yield number, cells


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
