"""Removes characters that nobody sees: controls, zero-width marks, soft hyphens, byte order marks.

Tabs and line breaks stay. So do joiners inside scripts that need them (Arabic, Indic) and inside
emoji: removed there, the text would read otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar, Final

from argosy.registry.datasets.operators.policy import Rewriting

_KEPT: Final = "\t\n\r"
# Zero-width joiner and non-joiner, and the selector of emoji.
_JOINERS: Final = "\u200c\u200d"
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufff8]"
)


class RemoveInvisibleCharacter(Rewriting):
    """`remove_invisible_character`."""

    NAME: ClassVar[str] = "remove_invisible_character"

    def rewrite(self, text: str) -> str:
        """Return the text without characters that are not seen."""
        return _INVISIBLE.sub(_joiner_or_nothing, text)


def _joiner_or_nothing(match: re.Match[str]) -> str:
    character, text = match[0], match.string
    if character not in _JOINERS or match.start() == 0 or match.end() == len(text):
        return ""
    before = text[match.start() - 1]
    return character if _joins(before) and not text[match.end()].isspace() else ""


def _joins(character: str) -> bool:
    # Letters of joining scripts, marks on them (viramas, selectors) and pictures.
    if unicodedata.category(character) in {"Mn", "Mc", "So", "Sk"}:
        return True
    return "\u0600" <= character <= "\u0dff"
