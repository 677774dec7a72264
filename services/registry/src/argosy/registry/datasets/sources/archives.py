"""ZIP archives: judged by their directory, then unpacked a member at a time within byte budgets.

What the directory says is not believed: members are counted as they unpack. No name of an archive
ever becomes a path of ours.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from argosy.kit.errors import InvalidRequest, TooLarge

_NAME_BYTES: Final = 255
_FOLDERS: Final = 16
# Text packs about 10:1, logs 50:1. Below this size a ratio means nothing.
_MAX_RATIO: Final = 200
_RATIO_FROM: Final = 1 << 20
_PIECE: Final = 1 << 20
_ARCHIVES: Final = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".jar")


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The most that an archive may hold: files, bytes of one, bytes of all."""

    max_files: int
    max_member_bytes: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, unpacked at `path` until the next one is asked for."""

    name: str
    path: Path


def members(archive: Path, scratch: Path, limits: ArchiveLimits) -> Iterator[Member]:
    """Unpack the files one after another; raises InvalidRequest or TooLarge before any harm."""
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = judge(opened.infolist(), limits)
            left = limits.max_bytes
            for info in infos:
                left -= _unpack(opened, info, scratch, min(left, limits.max_member_bytes))
                try:
                    yield Member(info.filename, scratch)
                finally:
                    scratch.unlink(missing_ok=True)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OverflowError) as error:
        raise _invalid(
            f"The file is no ZIP archive that can be read ({type(error).__name__})."
        ) from None


def judge(infos: list[zipfile.ZipInfo], limits: ArchiveLimits) -> list[zipfile.ZipInfo]:
    """Return the files that a directory names; raises InvalidRequest or TooLarge."""
    if len(infos) > limits.max_files * 2:
        raise _too_large(f"The archive has more than {limits.max_files} files. Split it.")
    files = [info for info in infos if not info.is_dir()]
    if len(files) > limits.max_files:
        raise _too_large(f"The archive has more than {limits.max_files} files. Split it.")
    if sum(info.file_size for info in files) > limits.max_bytes:
        raise _too_large(f"The archive unpacks to more than {limits.max_bytes} bytes. Split it.")
    seen: set[str] = set()
    for number, info in enumerate(infos, start=1):
        _judge_name(info, number)
        if info.filename.casefold() in seen:
            raise _invalid(f"Entry {number} has the name of an earlier one.")
        seen.add(info.filename.casefold())
        if info.file_size > limits.max_member_bytes:
            raise _too_large(
                f"Entry {number} is larger than {limits.max_member_bytes} bytes. Split it."
            )
        if info.file_size > max(_RATIO_FROM, info.compress_size * _MAX_RATIO):
            raise _too_large(f"Entry {number} is packed more than {_MAX_RATIO} to 1.")
    return files


def _judge_name(info: zipfile.ZipInfo, number: int) -> None:
    """Refuse what is no plain file under a plain name. The name itself is not repeated."""
    name = info.filename
    path = PurePosixPath(name)
    mode = info.external_attr >> 16
    if (
        name != info.orig_filename  # zipfile cuts a name at NUL
        or "\\" in name
        or ":" in name
        or path.is_absolute()
        or ".." in path.parts
        or len(path.parts) > _FOLDERS
        or len(name.encode("utf-8", "surrogatepass")) > _NAME_BYTES
        or any(ord(c) < 32 for c in name)
    ):
        raise _invalid(f"Entry {number} has a name that is no plain path inside the archive.")
    if mode and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode) and stat.S_IFMT(mode):
        raise _invalid(f"Entry {number} is no plain file: links and devices are refused.")
    if info.flag_bits & 0x1:
        raise _invalid(f"Entry {number} is encrypted.")
    if path.suffix.lower() in _ARCHIVES:
        raise _invalid(f"Entry {number} is an archive in the archive. Pack plain files.")


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, budget: int) -> int:
    size = 0
    with opened.open(info) as source, target.open("wb") as sink:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > budget:
                raise _too_large("The archive unpacks to more bytes than it says or may.")
            sink.write(piece)
    return size


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="source", code="invalid_archive")


def _too_large(message: str) -> TooLarge:
    return TooLarge(message, param="source", code="archive_too_large")
