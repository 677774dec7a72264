"""A chunk like the one before it: what is told by its bytes is what its JSON says."""

from __future__ import annotations

import msgspec
from argosy.gateway.lane.answer.likeness import Likeness
from argosy.gateway.lane.answer.sse import StreamScanner
from hypothesis import given
from hypothesis import strategies as st


def event(text: bytes, more: bytes = b"") -> bytes:
    return b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"}%b}]}\n\n' % (text, more)


def test_only_the_text_may_differ() -> None:
    likeness = Likeness()
    assert not likeness.holds(event(b"a"))
    likeness.learn(event(b"a"))
    for text in (b"b", b" the", b"{}[]:,", b"x" * 5000):
        assert likeness.holds(event(text)), text
    for text in (b"", b'"', b"\\n", b"\\", b"\n", b"\r", b"\x00", b"\x7f", "ä".encode(), b"\xff"):
        assert not likeness.holds(event(text)), text
    assert not likeness.holds(event(b"a", b',"finish_reason":"stop"'))
    assert not likeness.holds(event(b"a")[:-1])
    assert not likeness.holds(event(b"a") + event(b"a"))


def test_other_fields_with_text_are_known() -> None:
    for field in (b"text", b"reasoning", b"reasoning_content"):
        one, other = (event(b"").replace(b'content":"', field + b'":"' + t) for t in (b"a", b"bc"))
        likeness = Likeness()
        likeness.learn(one)
        assert likeness.holds(other), field


def test_it_is_given_up_where_no_two_chunks_are_alike() -> None:
    likeness = Likeness()
    for number in range(8):
        likeness.learn(event(b"a", b',"at":%d' % number))
    likeness.learn(event(b"a", b',"at":8'))
    assert not likeness.holds(event(b"b", b',"at":8'))


TEXTS = st.one_of(
    st.text(max_size=12).map(lambda text: msgspec.json.encode(text)[1:-1]), st.binary(max_size=6)
)


@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_a_scanner_that_knows_the_last_chunk_sees_the_same(texts: list[bytes]) -> None:
    scanner = StreamScanner(hide_usage=True)
    for text in texts:
        fresh, before = StreamScanner(hide_usage=True), scanner.chunks
        data = event(text)
        assert scanner.feed(data) == fresh.feed(data)
        assert (scanner.chunks - before, scanner.malformed) == (fresh.chunks, fresh.malformed)
        if scanner.malformed or b"\n" in text:
            return
