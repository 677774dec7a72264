"""Looks into an engine's event stream as it passes: whole events only, bytes unchanged.

Knows server-sent events and the few fields of a completion chunk that metering needs. Takes out two
things where the client did not ask for them: the usage event, and the count so far that some
engines tell with each chunk. Nearly every read holds one whole event of one line: that case is told
by two searches, and only its JSON is read, unless it is like the one before (likeness.py).
"""

from __future__ import annotations

import contextlib
import re
from typing import Final

import msgspec
from argosy.gateway.engines.dialects.base import EngineMessage
from argosy.gateway.lane.answer import chunk
from argosy.gateway.lane.answer.chunk import TokenUsage
from argosy.gateway.lane.answer.likeness import Likeness

# Begins with a literal, which makes the search ten times as fast; a \r before it is stripped later.
_END: Final = re.compile(rb"\n\r?\n")
_LONGEST_END: Final = 3
# An event with many log-probabilities is some 100 KB.
_LARGEST_EVENT: Final = 4 * 1024 * 1024
_FIELDS: Final = (b":", b"event:", b"id:", b"retry:")

# How vLLM ends a chunk that tells its count: right after its choices, of which there are some.
# Quotes within a string would be escaped.
_COUNT: Final = b'}],"usage":{'
_KEPT: Final = 2


class StreamScanner:
    """One stream. After each `feed` the attributes tell what has passed so far.

    `chunks` counts the pieces of text, which is a token each in vLLM unless it is under load.
    """

    def __init__(self, *, hide_usage: bool, hide_counts: bool = False) -> None:
        """`hide_usage` is of the event at the end, `hide_counts` of what chunks tell before it."""
        self._hide_usage = hide_usage
        self._hide_counts = hide_counts
        self._carry = b""
        self._likeness = Likeness()
        # Nothing passes any more: it is `finished`, or `error` or `malformed` tells why not.
        self.stopped = False
        self.finished = False
        self.chunks = 0
        self.usage: TokenUsage | None = None
        # The last count that came with a chunk, not read: it is of interest once, if at all.
        self._count: bytes | TokenUsage | None = None
        # What the engine's own error event says; nothing passes after it.
        self.error: str | None = None
        # Why the stream is no completion stream; nothing passes after that either.
        self.malformed: str | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the whole events to pass on; an incomplete one waits for its rest.

        Stops at an event that cannot pass: what precedes it is returned, and `error` or
        `malformed` is set.
        """
        if (
            self._carry
            or not data.startswith(b"data: {")
            or not data.endswith(b"\n")
            or data.find(b"\n") != len(data) - 2
        ):
            return self._feed_any(data)
        if self._hide_counts:
            data = self._take_count(data)
        if self._likeness.holds(data):
            self.chunks += 1
            return data
        before = self.chunks
        if not self._judge(data[6:-2]):
            return b""
        if self.chunks == before + 1:
            self._likeness.learn(data)
        return data

    def _feed_any(self, data: bytes) -> bytes:
        """Take bytes that may hold any number of events, and parts of them."""
        unseen = max(0, len(self._carry) - _LONGEST_END + 1)
        data = self._carry + data
        out: list[bytes] = []
        start = kept = 0
        for match in _END.finditer(data, unseen):
            whole = event = data[start : match.start()]
            if self._hide_counts:
                event = self._take_count(whole)
            passes = self._look(event)
            if self.error is not None or self.malformed is not None:
                return b"".join([*out, data[kept:start]])
            if not passes:
                out.append(data[kept:start])
                kept = match.end()
            elif event is not whole:
                out += (data[kept:start], event)
                kept = match.start()
            start = match.end()
        self._carry = data[start:]
        if len(self._carry) > _LARGEST_EVENT:
            self.malformed = f"An event is larger than {_LARGEST_EVENT} bytes."
            self.stopped = True
        out.append(data[kept:start])
        return out[0] if len(out) == 1 else b"".join(out)

    def _look(self, event: bytes) -> bool:
        """Take note of one event; tell whether the client gets it."""
        payload = _payload(event)
        if payload is None:
            return True
        if payload == b"[DONE]":
            self.stopped = self.finished = True
            # Some engines tell it with the last piece of text, and not once more.
            self.usage = self.usage or self.running
            return True
        return self._judge(payload)

    def _judge(self, payload: bytes) -> bool:
        """Take note of one event's JSON; tell whether the client gets the event."""
        try:
            found = chunk.chunk.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.malformed = "An event of the stream is not a completion chunk."
            self.stopped = True
            return False
        if found.error is not None:
            error = found.error
            self.error = error.message if isinstance(error, EngineMessage) else error
            self.stopped = True
            return False
        usage, choices = found.usage, found.choices
        if not choices:
            if usage is not None:
                self.usage = usage
            return usage is None or not self._hide_usage
        for choice in choices:
            if choice.has_token:
                self.chunks += 1
        if usage is not None:
            self._count = usage
        return True

    @property
    def running(self) -> TokenUsage | None:
        """The engine's count of what has passed so far, where it tells it with its chunks.

        Of several answers it is that of one.
        """
        count = self._count
        if isinstance(count, bytes):
            with contextlib.suppress(msgspec.DecodeError):
                return chunk.count.decode(count)
            return None
        return count

    def _take_count(self, event: bytes) -> bytes:
        """Return an event without the count that its chunk tells, and keep that."""
        at = event.rfind(_COUNT)
        if at < 0:
            return event
        begin = at + len(_COUNT) - 1
        end = event.find(b"}", begin) + 1
        if event.find(b"{", begin + 1, end) >= 0:
            # The count may have details.
            while end and event.count(b"{", begin, end) > event.count(b"}", begin, end):
                end = event.find(b"}", end) + 1
        if not end:
            return event
        self._count = event[begin:end]
        return event[: at + _KEPT] + event[end:]


def _payload(event: bytes) -> bytes | None:
    """Return the event's data, or None if it has none (a comment, a keep-alive).

    Lines that no field name begins count as data, so that they are judged and not passed unseen.
    """
    if event.startswith(b"data:") and b"\n" not in event:
        return event[5:].strip()
    data = [
        line[5:].strip() if line.startswith(b"data:") else line
        for line in event.splitlines()
        if line and not line.startswith(_FIELDS)
    ]
    return b"\n".join(data) if data else None
