"""The multipart form of `files.create`, read as it arrives.

Knows the form's fields and their order. Does not know where the content goes: it hands it to a
sink in pieces. The content is never whole in memory. The SDK for Python sends the fields before
the file, so the content flows on at once; other clients send the file first, and then it waits
in an unnamed temporary file until its purpose is known.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from argosy.gateway.errors import BodyTimeout
from argosy.kit.errors import InvalidRequest, TooLarge, Unavailable
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
# Pieces handed to the sink: few enough messages, far under gRPC's and the registry's limit.
PIECE_BYTES: Final = 256 * 1024
# A file that comes before its purpose stays in memory up to this size.
HELD_IN_MEMORY_BYTES: Final = 1024 * 1024
# What the form's other fields and its boundaries may take on top of the file.
FORM_OVERHEAD_BYTES: Final = 64 * 1024

_MAX_FIELD_BYTES: Final = 1024
_MAX_SEGMENTS: Final = 8
_FIELDS: Final = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})
# OpenAI's limits: one hour to thirty days.
_EXPIRY_SECONDS: Final = range(3600, 2_592_000 + 1)


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What is known of a file before its content; 0 seconds for no expiry."""

    filename: str
    purpose: str
    expires_after_seconds: int


class Sink(Protocol):
    """Where the content goes."""

    async def start(self, header: FileHeader) -> None:
        """Begin the file; called once, before the first piece."""

    async def write(self, piece: bytes) -> None:
        """Take the next bytes, at most `PIECE_BYTES`; returns when there is room for more."""


class UploadForm:
    """Reads one form: `read` hands its file to the sink and returns when the form is complete."""

    def __init__(
        self,
        content_type: str,
        *,
        max_file_bytes: int,
        spool: Path,
        holding: asyncio.Semaphore,
    ) -> None:
        """`holding` bounds how many files lie in `spool` at once; the next one waits."""
        self._boundary = _boundary(content_type)
        self._max_file_bytes = max_file_bytes
        self._spool = spool
        self._holding = holding
        self._fields: dict[str, str] = {}
        self._started = False
        self._file_seen = False

    async def read(self, chunks: AsyncIterator[bytes], sink: Sink) -> None:
        """Raises InvalidRequest, TooLarge or BodyTimeout; what the sink raises passes."""
        parts = _Parts(chunks, self._boundary)
        try:
            while (segment := await parts.next_segment()) is not None:
                if segment.name == "file":
                    await self._take_file(parts, segment, sink)
                else:
                    await self._take_field(parts, segment)
        except ParserLimitReached as error:
            raise InvalidRequest(
                f"The form is outside the limits of this server: {error}. Send the fields "
                "'purpose', 'expires_after' and 'file', each once."
            ) from None
        except MultipartError as error:
            raise InvalidRequest(
                f"The form could not be read: {error}. Send multipart/form-data with the fields "
                "'purpose' and 'file'."
            ) from None
        self._require("file", present=self._file_seen)

    async def _take_field(self, parts: _Parts, segment: MultipartSegment) -> None:
        name = segment.name or ""
        if name not in _FIELDS:
            raise InvalidRequest(
                f"Unknown parameter: '{name[:100]}'. Check the spelling or leave it out.",
                param=name[:100] or None,
                code="unknown_parameter",
            )
        if name in self._fields:
            raise InvalidRequest(f"The field '{name}' is sent twice. Send it once.", param=name)
        if self._started:
            raise InvalidRequest(
                f"The field '{name}' comes after the file, which is already stored without it. "
                "Send 'file' last, or before 'purpose'.",
                param=name,
            )
        self._fields[name] = await parts.text(name)

    async def _take_file(self, parts: _Parts, segment: MultipartSegment, sink: Sink) -> None:
        if self._file_seen:
            raise self._second_file()
        self._file_seen = True
        if segment.filename is None:
            raise InvalidRequest(
                "'file' is not a file: its form part has no filename. Send the content with a "
                "filename.",
                param="file",
            )
        if "purpose" in self._fields:
            await sink.start(self._header(segment.filename))
            self._started = True
            await self._copy(parts, sink.write)
            return
        async with self._holding:
            await self._hold(parts, segment.filename, sink)

    async def _hold(self, parts: _Parts, filename: str, sink: Sink) -> None:
        """Keep the content until the rest of the form is read, then send it on."""
        with tempfile.SpooledTemporaryFile(HELD_IN_MEMORY_BYTES, dir=str(self._spool)) as held:

            async def write(piece: bytes) -> None:
                try:
                    await asyncio.to_thread(held.write, piece)
                except OSError as error:
                    raise Unavailable(
                        "The server has no room to hold a file that comes before its 'purpose'. "
                        "Send 'purpose' before 'file', or try again later.",
                        param="file",
                    ) from error

            await self._copy(parts, write)
            while (segment := await parts.next_segment()) is not None:
                if segment.name == "file":
                    raise self._second_file()
                await self._take_field(parts, segment)
            await sink.start(self._header(filename))
            await _drain(held, sink)

    async def _copy(self, parts: _Parts, write: Callable[[bytes], Awaitable[None]]) -> None:
        total = 0
        async for piece in parts.pieces(PIECE_BYTES):
            total += len(piece)
            if total > self._max_file_bytes:
                raise file_too_large(self._max_file_bytes)
            await write(piece)

    def _header(self, filename: str) -> FileHeader:
        purpose = self._fields.get("purpose")
        self._require("purpose", present=purpose is not None)
        if purpose not in PURPOSES:
            raise InvalidRequest(
                f"Invalid value for 'purpose': {(purpose or '')[:64]!r}. Send one of "
                f"{', '.join(PURPOSES)}.",
                param="purpose",
                code="invalid_value",
            )
        return FileHeader(filename, purpose, self._expires_after_seconds())

    def _expires_after_seconds(self) -> int:
        anchor = self._fields.get("expires_after[anchor]")
        seconds = self._fields.get("expires_after[seconds]")
        if anchor is None and seconds is None:
            return 0
        if anchor != "created_at":
            raise InvalidRequest(
                "Invalid value for 'expires_after[anchor]': send 'created_at'.",
                param="expires_after[anchor]",
            )
        if (
            seconds is None
            or not re.fullmatch(r"[0-9]{1,9}", seconds)
            or int(seconds) not in _EXPIRY_SECONDS
        ):
            raise InvalidRequest(
                "Invalid value for 'expires_after[seconds]': send an integer from "
                f"{_EXPIRY_SECONDS[0]} (an hour) to {_EXPIRY_SECONDS[-1]} (30 days).",
                param="expires_after[seconds]",
            )
        return int(seconds)

    @staticmethod
    def _second_file() -> InvalidRequest:
        return InvalidRequest("More than one file is sent. Send one a request.", param="file")

    @staticmethod
    def _require(name: str, *, present: bool) -> None:
        if not present:
            raise InvalidRequest(
                f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )


class _Parts:
    """The segments of a form in order, pulled out of the arriving chunks."""

    def __init__(self, chunks: AsyncIterator[bytes], boundary: str) -> None:
        self._chunks = chunks
        self._parser = PushMultipartParser(boundary, max_segment_count=_MAX_SEGMENTS, strict=True)
        self._events = self._pull()

    async def _pull(self) -> AsyncIterator[MultipartSegment | bytes | None]:
        async for chunk in self._chunks:
            if chunk:
                for event in self._parser.parse(chunk):
                    yield event
        self._parser.close()

    async def next_segment(self) -> MultipartSegment | None:
        """Return the next segment's head, None at the form's end."""
        async for event in self._events:
            if isinstance(event, MultipartSegment):
                return event
        return None

    async def pieces(self, size: int) -> AsyncIterator[bytes]:
        """Yield the current segment's content, `size` bytes at a time."""
        buffer = bytearray()
        async for event in self._events:
            if not isinstance(event, bytes | bytearray):
                break
            buffer += event
            while len(buffer) >= size:
                yield bytes(buffer[:size])
                del buffer[:size]
        if buffer:
            yield bytes(buffer)

    async def text(self, name: str) -> str:
        """Return the current segment's content as text; raises InvalidRequest."""
        value = bytearray()
        async for piece in self.pieces(PIECE_BYTES):
            value += piece
            if len(value) > _MAX_FIELD_BYTES:
                raise InvalidRequest(
                    f"The field '{name}' is longer than {_MAX_FIELD_BYTES} bytes.", param=name
                )
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"The field '{name}' is not UTF-8.", param=name) from None


async def with_idle_timeout(chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Pass chunks on; raises BodyTimeout if the next one takes longer than `seconds`."""
    while True:
        try:
            chunk = await asyncio.wait_for(anext(chunks, None), seconds)
        except TimeoutError:
            raise BodyTimeout(
                f"The upload stood still for {seconds:g} seconds. Send it again."
            ) from None
        if chunk is None:
            return
        yield chunk


def file_too_large(limit: int) -> TooLarge:
    """Return the error for a file over `limit` bytes."""
    return TooLarge(
        f"The file is larger than {limit} bytes, the limit of this server. Split it into several "
        "files.",
        param="file",
        code="file_too_large",
    )


async def _drain(held: IO[bytes], sink: Sink) -> None:
    await asyncio.to_thread(held.seek, 0)
    while piece := await asyncio.to_thread(held.read, PIECE_BYTES):
        await sink.write(piece)


def _boundary(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise InvalidRequest(
            "The request is no form. Send multipart/form-data with the fields 'purpose' and "
            "'file'.",
            code="invalid_content_type",
        )
    return boundary
