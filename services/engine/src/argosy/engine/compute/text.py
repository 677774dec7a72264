"""From tokens to text as they come, and where it stops.

A token may end amid a character or amid a stop string: what could still become one is held back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

# How many tokens before the new ones are decoded with them, since some tokenizers write a token
# differently at the start of a text.
_BEHIND: Final = 6
_UNFINISHED: Final = "\ufffd"


class Text:
    """The text of one answer."""

    def __init__(self, tokenizer: Any, *, show_special: bool, stops: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._skip = not show_special
        self._stops = stops
        self._hold = max((len(stop) for stop in stops), default=1) - 1
        self._tokens: list[int] = []
        # Tokens before `_begin` are not decoded any more; those before `_read` are shown.
        self._begin = 0
        self._read = 0
        self._held = ""

    def add(self, token: int) -> None:
        """Take the next token."""
        self._tokens.append(token)

    def take(self, *, show_stop: bool) -> tuple[str, str | None]:
        """Return what can be shown now, and the stop string that ends the answer if it came."""
        self._held += self._new(last=False)
        for stop in self._stops:
            at = self._held.find(stop)
            if at >= 0:
                shown = self._held[: at + len(stop) if show_stop else at]
                self._held = ""
                return shown, stop
        cut = max(0, len(self._held) - self._hold)
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown, None

    def rest(self) -> str:
        """Return what was held back, at the end of the answer."""
        return self._held + self._new(last=True)

    def _new(self, *, last: bool) -> str:
        before = self._decode(self._tokens[self._begin : self._read])
        now = self._decode(self._tokens[self._begin :])
        if len(now) <= len(before) or (now.endswith(_UNFINISHED) and not last):
            return ""
        self._read = len(self._tokens)
        self._begin = max(0, self._read - _BEHIND)
        return now[len(before) :]

    def _decode(self, tokens: list[int]) -> str:
        found: str = self._tokenizer.decode(
            tokens, skip_special_tokens=self._skip, clean_up_tokenization_spaces=False
        )
        return found
