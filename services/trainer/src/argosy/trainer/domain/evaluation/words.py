"""Words of a text, for metrics that count them.

A word is what stands between spaces and punctuation, without regard to case; each Chinese, Japanese
or Korean character is one, since nothing stands between those. Knows texts only.
"""

from __future__ import annotations

import re
from typing import Final

_CHARACTER: Final = "぀-ヿ㐀-鿿가-힯"
_WORD: Final = re.compile(rf"[{_CHARACTER}]|[^\W{_CHARACTER}]+")


def words(text: str) -> list[str]:
    """Return the words in order; a text without any is one word as a whole."""
    found = _WORD.findall(text.casefold())
    # Only signs: "+" and "-" are answers, too.
    return found or text.split()


def plain(text: str) -> str:
    """Return the words with one space in between: what two equal answers have in common."""
    return " ".join(words(text))
