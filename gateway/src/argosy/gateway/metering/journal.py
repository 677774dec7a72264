"""Requests that are with an engine now, in a file that outlives the process.

A killed gateway cannot record what it was working on; the next one in its folder finds it here and
does. A request takes a slot when it goes to an engine and leaves it when it is recorded; in between
the slot is told, now and then, what the engine has counted. The file is mapped into memory: what
was written belongs to the kernel, without a system call, and `kill -9` loses nothing.

A slot is the length of its record (0 while free), tokens read, of these cached, and written, 8
bytes each, and the record. The length is written last and cleared first. Knows no events.
"""

from __future__ import annotations

import logging
import mmap
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import msgspec
from argosy.gateway.metering.usage import Usage
from argosy.kit.clock import Clock

_log = logging.getLogger(__name__)

_FILE: Final = "requests"
_SLOT_BYTES: Final = 512
_SLOT_WORDS: Final = _SLOT_BYTES // 8
_LENGTH, _READ, _CACHED, _WRITTEN = range(4)
_RECORD: Final = 32
_LARGEST: Final = _SLOT_BYTES - _RECORD
# Far more than a gateway has at its engines; what finds no slot is in no danger but a kill.
_SLOTS: Final = 2048


# When it began, in Unix seconds.
_Begun = tuple[float, Usage]

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Begun)
_NOTHING_YET: Final = bytes(_RECORD)


class Place:
    """One request's slot."""

    __slots__ = ("_at", "_words", "index")

    def __init__(self, index: int, words: memoryview) -> None:
        self.index = index
        self._words = words
        self._at = index * _SLOT_WORDS

    def tell(self, read: int, cached: int, written: int) -> None:
        """Note what the engine has done for the request so far."""
        words, at = self._words, self._at
        words[at + _READ] = read
        words[at + _CACHED] = cached
        words[at + _WRITTEN] = written


class Journal:
    """One process's file of slots. `folder` is nobody else's, as the spool sees to."""

    def __init__(self, folder: Path, clock: Clock, *, slots: int = _SLOTS) -> None:
        """Raises OSError."""
        self._monotonic = clock.monotonic
        # A time of day costs more than a duration.
        self._to_wall = clock.now().timestamp() - clock.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            size = slots * _SLOT_BYTES
            # Writing to a page that the disk has no room for would end the process.
            os.posix_fallocate(file, 0, size)
            self._map = mmap.mmap(file, size)
        finally:
            os.close(file)
        self._bytes = memoryview(self._map)
        self._words = self._bytes.cast("Q")
        self._free = [
            Place(index, self._words)
            for index in reversed(range(slots))
            if not self._words[index * _SLOT_WORDS]
        ]

    def enter(self, usage: Usage) -> Place | None:
        """Keep a request that goes to an engine now, as it is to be recorded if nobody else does.

        None where there is no room for it.
        """
        record = _encoder.encode((self._to_wall + self._monotonic(), usage))
        if len(record) > _LARGEST or not self._free:
            return None
        place = self._free.pop()
        begin = place.index * _SLOT_BYTES
        self._bytes[begin : begin + _RECORD + len(record)] = _NOTHING_YET + record
        self._words[place.index * _SLOT_WORDS] = len(record)
        return place

    def leave(self, place: Place) -> None:
        """The request is recorded, or went to no engine after all."""
        self._words[place.index * _SLOT_WORDS] = 0
        self._free.append(place)

    def left(self) -> list[tuple[Place, datetime, Usage]]:
        """Return what a process before has left, with when it began; to be asked at the start."""
        found = []
        words = self._words
        for index in range(len(words) // _SLOT_WORDS):
            at = index * _SLOT_WORDS
            length = words[at + _LENGTH]
            if not length:
                continue
            place, begin = Place(index, words), index * _SLOT_BYTES + _RECORD
            try:
                began, found_usage = _decoder.decode(
                    self._bytes[begin : begin + min(length, _LARGEST)]
                )
            except msgspec.DecodeError:
                _log.error("a request of before cannot be read", extra={"slot": index})
                self.leave(place)
                continue
            usage = msgspec.structs.replace(
                found_usage,
                input_tokens=words[at + _READ],
                cached_input_tokens=words[at + _CACHED],
                output_tokens=words[at + _WRITTEN],
                estimated=words[at + _WRITTEN] > 0,
            )
            found.append((place, datetime.fromtimestamp(began, UTC), usage))
        return found

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        self._words.release()
        self._bytes.release()
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
