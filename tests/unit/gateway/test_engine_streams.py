"""A pushed answer: whatever the engine's chunks and the network's cuts, the sink gets its bytes."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from argosy.gateway.engines.connection import Connection
from argosy.gateway.engines.failures import EngineError, MalformedAnswer
from argosy.gateway.engines.framing import whole_chunk
from argosy.gateway.familiar import Familiar
from hypothesis import given
from hypothesis import strategies as st

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PIECES = [b"data: one\n\n", b"\r\n", b"5\r\n", b"data: a longer one, of two digits\n\n"]
CHUNKS = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in PIECES]


class Transport(asyncio.Transport):
    """A socket whose other side the test plays."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass


class Gathered:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.body = b""
        self.chunks: list[bytes] = []
        self.ends: list[EngineError | None] = []

    def feed(self, data: bytes, chunk: bytes = b"") -> None:
        self.body += data
        if chunk:
            assert whole_chunk(chunk) == data
            self.chunks.append(chunk)

    def ended(self, error: EngineError | None) -> None:
        self.ends.append(error)


def streaming(*reads: bytes) -> Gathered:
    """Push the answer that comes in `reads`, the head in the first of them."""
    loop = asyncio.new_event_loop()
    try:
        connection = Connection(loop, Familiar())
        connection.connection_made(Transport())
        connection.send(b"POST / HTTP/1.1\r\n\r\n")
        sink = Gathered()
        connection.data_received(reads[0])
        connection.push(sink, 60)
        for read in reads[1:]:
            connection.data_received(read)
        return sink
    finally:
        loop.close()


@given(st.lists(st.integers(0, sum(map(len, CHUNKS)) + 5), max_size=30).map(sorted))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    whole = b"".join(CHUNKS) + b"0\r\n\r\n"
    bounds = [0, *cuts, len(whole)]
    sink = streaming(HEAD, *(whole[a:b] for a, b in pairwise(bounds) if a < b))
    assert sink.body == b"".join(PIECES)
    assert sink.ends == [None]


def test_a_read_that_is_one_chunk_is_handed_on_as_it_came() -> None:
    sink = streaming(HEAD + CHUNKS[0], *CHUNKS[1:], b"0\r\n\r\n")
    assert sink.chunks == CHUNKS[1:]
    assert sink.body == b"".join(PIECES)
    assert sink.ends == [None]


def test_other_ways_to_write_a_chunk_are_read_too() -> None:
    sink = streaming(HEAD + CHUNKS[0], b"00B\r\ndata: two\n\n\r\n", b"B;x=y\r\ndata: two\n\n\r\n")
    assert sink.body == PIECES[0] + 2 * b"data: two\n\n"
    assert not sink.chunks
    assert not sink.ends


def test_what_looks_like_a_chunk_within_another_is_not_one() -> None:
    inner = CHUNKS[0]
    sink = streaming(HEAD + CHUNKS[0], b"%x\r\n" % len(inner), inner, b"\r\n", b"0\r\n\r\n")
    assert sink.body == PIECES[0] + inner
    assert not sink.chunks
    assert sink.ends == [None]


def test_a_chunk_of_another_length_than_it_says_ends_the_answer() -> None:
    sink = streaming(HEAD + CHUNKS[0], b"2\r\nthree\r\n")
    assert [type(error) for error in sink.ends] == [MalformedAnswer]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"0\r\n\r\n",
        b"3\r\nab\r\n",
        b"2\r\nab",
        b"2\r\nab\r\n0\r\n\r\n",
        b"02\r\nab\r\n",
        b"A\r\n0123456789\r\n",
        b"+2\r\nab\r\n",
    ],
)
def test_only_one_whole_chunk_is_one(data: bytes) -> None:
    assert whole_chunk(data) is None


def test_a_chunk_may_hold_anything() -> None:
    assert whole_chunk(b"2\r\n\r\n\r\n") == b"\r\n"
