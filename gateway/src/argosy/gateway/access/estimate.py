"""How many tokens a request may use, before an engine has counted them."""

from __future__ import annotations

from typing import Final

# For a request that names no bound: longer than most answers, shorter than what contexts hold.
_ANSWER_TOKENS: Final = 512


def estimated_tokens(read: int, asked: int | None, answers: int, context_length: int) -> int:
    """Return the tokens to reserve: `read` of input and up to `asked` for each of `answers`.

    `context_length` bounds a prompt with one answer; 0 if it is not known.
    """
    written = _ANSWER_TOKENS if asked is None else asked
    if context_length:
        written = min(written, max(1, context_length - read))
    return read + written * answers
