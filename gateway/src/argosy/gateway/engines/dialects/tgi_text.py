"""Where a text ends: TGI leaves stop sequences in and has words of its own for the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# TGI's reasons, and its chat's; all but the first are OpenAI's "stop".
_FINISH: Final = {"length": "length"}


def openai_finish(reason: str) -> str:
    """Return OpenAI's word for TGI's reason to end."""
    return _FINISH.get(reason, "stop")


def without_stop(text: str, stops: Sequence[str]) -> str:
    """Return the text without the stop sequence at its end, the longest one of several."""
    ends = [len(text) - len(stop) for stop in stops if text.endswith(stop)]
    return text[: min(ends)] if ends else text


class Stops:
    """Keeps stop sequences out of a text that comes in pieces: TGI leaves them in, OpenAI not."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what can be shown; what may be the beginning of a stop sequence is held back."""
        text = self._held + text
        keep = 0
        for stop in self._stops:
            for length in range(min(len(stop), len(text)), keep, -1):
                if text.endswith(stop[:length]):
                    keep = length
                    break
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self, *, stopped: bool) -> str:
        """Return what is left; a stop sequence that ended the text is cut off."""
        held, self._held = self._held, ""
        return without_stop(held, self._stops) if stopped else held
