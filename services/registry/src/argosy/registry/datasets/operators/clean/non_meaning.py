"""Removes characters that carry no meaning: replacement marks, private use, unassigned, mojibake.

What is left of a wrong decoding (`锟斤拷`, `ï»¿`) and rows of rules and boxes go too.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import ClassVar, Final

from argosy.registry.datasets.operators.policy import Rewriting

_LEFTOVERS: Final = re.compile("(?:锟斤拷)+|(?:烫烫烫)+|(?:屯屯屯)+|ï»¿|\ufffd|[\u2500-\u259f]{3,}")
# Unassigned, private use, lone halves of a pair.
_NOTHING: Final = frozenset({"Cn", "Co", "Cs"})


class RemoveNonMeaningCharacters(Rewriting):
    """`remove_non_meaning_characters`."""

    NAME: ClassVar[str] = "remove_non_meaning_characters"

    def rewrite(self, text: str) -> str:
        """Return the text without characters that mean nothing."""
        text = _LEFTOVERS.sub("", text)
        return text if text.isascii() else "".join(filter(_means_something, text))


@lru_cache(maxsize=1 << 16)
def _means_something(character: str) -> bool:
    return unicodedata.category(character) not in _NOTHING
