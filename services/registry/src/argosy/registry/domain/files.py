"""Files: what they are for, how they may be named, how long they live.

Knows a file's record and the rules for its header. Does not know its bytes (intake), where they
lie (blobs) or who may see them (usecases).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from argosy.registry.domain.rules import RuleBroken

# OpenAI's limits of `expires_after.seconds`: one hour to thirty days.
MIN_EXPIRY_SECONDS: Final = 3600
MAX_EXPIRY_SECONDS: Final = 2_592_000
# What common file systems allow for one name, in bytes of UTF-8.
MAX_FILENAME_BYTES: Final = 255

MAX_FILE_ID_CHARACTERS: Final = 69
_FILE_ID: Final = re.compile(r"file-[A-Za-z0-9_-]{1,64}")
# Characters that make a name read as another one: they turn the direction of the text.
_DIRECTION_MARKS: Final = frozenset(
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


class Purpose(StrEnum):
    """What a file is for, in OpenAI's words."""

    ASSISTANTS = "assistants"
    BATCH = "batch"
    FINE_TUNE = "fine-tune"
    VISION = "vision"
    USER_DATA = "user_data"
    EVALS = "evals"
    ASSISTANTS_OUTPUT = "assistants_output"
    BATCH_OUTPUT = "batch_output"
    FINE_TUNE_RESULTS = "fine-tune-results"


# Purposes of files that a service makes; a client only reads them.
RESULT_PURPOSES: Final = frozenset(
    {Purpose.ASSISTANTS_OUTPUT, Purpose.BATCH_OUTPUT, Purpose.FINE_TUNE_RESULTS}
)


@dataclass(frozen=True, slots=True)
class File:
    """A stored file. `blob` names its bytes in the blob store and is seen by nobody outside."""

    id: str
    project_id: str
    filename: str
    purpose: Purpose
    bytes: int
    created_at: datetime
    expires_at: datetime | None
    sha256: str
    rows: int
    blob: str
    # What records a fine-tune file holds (`argosy.api.records.KINDS`); empty for others.
    kind: str = ""


def parse_purpose(value: str, *, by_service: bool) -> Purpose:
    """Return the purpose named `value`; raises RuleBroken with the purposes that one may choose."""
    allowed = [p for p in Purpose if by_service or p not in RESULT_PURPOSES]
    if value not in allowed:
        raise RuleBroken(
            f"purpose must be one of: {', '.join(p.value for p in allowed)}.", param="purpose"
        )
    return Purpose(value)


def check_filename(name: str) -> str:
    """Return `name` if it is a plain name without folders; raises RuleBroken.

    The name is data and never a path on disk. A name that looks like a path is refused all the
    same, since some client will one day use it as one.
    """
    size = len(name.encode("utf-8", "surrogatepass"))
    if not name:
        raise RuleBroken("The file has no filename. Send one in the form part.", param="file")
    if size > MAX_FILENAME_BYTES:
        raise RuleBroken(
            f"The filename takes {size} bytes; the limit is {MAX_FILENAME_BYTES}. Shorten it.",
            param="file",
        )
    if "/" in name or "\\" in name or name in {".", ".."}:
        raise RuleBroken(
            "The filename names a folder. Send a plain name without / or \\.", param="file"
        )
    if any(c in _DIRECTION_MARKS or unicodedata.category(c) in _UNPRINTABLE for c in name):
        raise RuleBroken(
            "The filename holds control characters. Send printable characters only.", param="file"
        )
    return name


# Control characters, lone surrogates, line and paragraph separators.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_file_id(file_id: str) -> str:
    """Return a file id that a service chose; raises RuleBroken if it is not `file-…`."""
    if not _FILE_ID.fullmatch(file_id):
        raise RuleBroken(
            "file_id must be `file-` and 1 to 64 letters, digits, - or _.", param="file_id"
        )
    return file_id


def expiry(created_at: datetime, after_seconds: int) -> datetime | None:
    """Return when a file that lives `after_seconds` ends; None for 0. Raises RuleBroken."""
    if after_seconds == 0:
        return None
    if not MIN_EXPIRY_SECONDS <= after_seconds <= MAX_EXPIRY_SECONDS:
        raise RuleBroken(
            f"expires_after.seconds must be between {MIN_EXPIRY_SECONDS} (an hour) and "
            f"{MAX_EXPIRY_SECONDS} (30 days).",
            param="expires_after",
        )
    return created_at + timedelta(seconds=after_seconds)
