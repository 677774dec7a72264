"""Removes emoji: pictures, flags, keycaps, and the marks that join and colour them."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from argosy.registry.datasets.operators.policy import Rewriting

# Blocks of pictographs (Unicode 16, emoji-data.txt), selectors, joiners between two of them, tags.
# Signs that are also ordinary text (digits, ©, ®, ™, arrows, ℹ) go only with the selector that
# makes a picture of them.
_PICTURES: Final = (
    "\U0001f000-\U0001faff\u2600-\u26ff\u2700-\u27bf\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u25aa"
    "\u25ab\u25b6\u25c0\u25fb-\u25fe\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
)
_EMOJI: Final = re.compile(
    rf"[0-9#*]\ufe0f?\u20e3|[\u00a9\u00ae\u2122\u2139\u203c\u2049\u2194-\u21aa]\ufe0f"
    rf"|[{_PICTURES}][\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
    rf"(?:\u200d[{_PICTURES}\u2640\u2642][\ufe0f\U0001f3fb-\U0001f3ff]*)*"
)


class RemoveEmoji(Rewriting):
    """`remove_emoji`."""

    NAME: ClassVar[str] = "remove_emoji"

    def rewrite(self, text: str) -> str:
        """Return the text without emoji."""
        return _EMOJI.sub("", text)
