"""How much of a text is neither letters, digits, space nor the punctuation of prose.

Symbols, emoji and controls are special, and so is a mark that stands again right after itself: one
exclamation mark belongs to a sentence, a row of them to nothing.
"""

from __future__ import annotations

import itertools
import unicodedata
from functools import lru_cache
from typing import Final

# Letters, marks on letters, numbers, and what separates words.
_PLAIN: Final = frozenset("LMNZ")
_SPACES: Final = frozenset("\t\n\r")
_PROSE: Final = frozenset(".,;:!?'\"()-%‘’“”–—…、。，；：！？（）《》〈〉「」『』【】·")


def special_character_ratio(text: str) -> float:
    """Return the share of special characters, from 0 to 1; 0 for an empty text."""
    if not text:
        return 0.0
    special = sum(map(_is_special, text))
    again = sum(one == other and one in _PROSE for one, other in itertools.pairwise(text))
    return (special + again) / len(text)


@lru_cache(maxsize=1 << 16)
def _is_special(character: str) -> bool:
    if character in _SPACES or character in _PROSE:
        return False
    return unicodedata.category(character)[0] not in _PLAIN
