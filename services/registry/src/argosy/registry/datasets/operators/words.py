"""What counts as a word: a run of letters or digits, and in Chinese and Japanese each character.

So a length in words means about the same in all languages. Knows no dictionary.
"""

from __future__ import annotations

import re
from typing import Final

# Han with its extensions, and kana.
_SINGLE: Final = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_WORD: Final = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+(?:['’][^\W_{_SINGLE}]+)*")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def ngrams(items: list[str], size: int) -> list[tuple[str, ...]]:
    """Return all runs of `size` items; of fewer items than that, one run of all."""
    if len(items) <= size:
        return [tuple(items)] if items else []
    return [tuple(items[start : start + size]) for start in range(len(items) - size + 1)]
