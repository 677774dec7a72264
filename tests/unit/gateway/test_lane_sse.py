"""The stream's scanner: whatever the cuts, the same bytes pass and the same things are seen."""

from __future__ import annotations

from itertools import pairwise

from argosy.gateway.lane.answer.sse import StreamScanner
from hypothesis import given
from hypothesis import strategies as st

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"a\\n\\ndata: x"}}]}\n\n'
THINKS = b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}\r\n\r\n'
TOOL = b'data:{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}\n\n'
TEXT = b'data: {"choices":[{"index":0,"text":"a"}]}\n\n'
COMMENT = b": keep-alive\n\n"
NAMED = b'event: chunk\ndata: {"choices":[{"delta":{"content":"b"}}]}\nid: 7\n\n'
USAGE = (
    b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":4,'
    b'"prompt_tokens_details":{"cached_tokens":2}}}\n\n'
)
DONE = b"data: [DONE]\n\n"
STREAM = [ROLE, TOKEN, COMMENT, THINKS, TOOL, TEXT, NAMED, USAGE, DONE]


@given(
    st.lists(st.integers(0, sum(map(len, STREAM))), max_size=60).map(sorted),
    st.booleans(),
)
def test_cuts_change_nothing(cuts: list[int], hide: bool) -> None:
    whole = b"".join(STREAM)
    scanner = StreamScanner(hide_usage=hide)
    bounds = [0, *cuts, len(whole)]
    passed = b"".join(scanner.feed(whole[a:b]) for a, b in pairwise(bounds) if a < b)
    assert passed == (whole.replace(USAGE, b"") if hide else whole)
    assert scanner.chunks == 5
    assert scanner.finished
    assert scanner.usage is not None
    assert scanner.usage.completion_tokens == 4
    assert scanner.usage.cached_tokens == 2


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_without_a_crash(data: bytes) -> None:
    scanner = StreamScanner(hide_usage=True)
    passed = scanner.feed(data + b"\n\n")
    assert (data + b"\n\n").startswith(passed) or scanner.usage is not None


def test_an_incomplete_event_waits() -> None:
    scanner = StreamScanner(hide_usage=True)
    assert scanner.feed(TOKEN + TOKEN[:20]) == TOKEN
    assert scanner.chunks == 1


def test_what_precedes_an_error_passes_and_nothing_after_it() -> None:
    scanner = StreamScanner(hide_usage=True)
    error = b'data: {"error":{"message":"boom","type":"X","code":500}}\n\n'
    assert scanner.feed(TOKEN + error + TOKEN + DONE) == TOKEN
    assert scanner.error == "boom"
    assert (scanner.chunks, scanner.finished) == (1, False)


def test_what_precedes_garbage_passes_and_nothing_after_it() -> None:
    for garbage in (b"<html>\n\n", b"data: {\n\n", b"data: []\n\n", b'data: {"choices":3}\n\n'):
        scanner = StreamScanner(hide_usage=False)
        assert scanner.feed(TOKEN + garbage + TOKEN) == TOKEN
        assert scanner.malformed is not None


def test_usage_with_choices_is_seen_and_passes() -> None:
    chunk = TEXT[:-3] + b',"usage":{"prompt_tokens":1,"completion_tokens":9}}\n\n'
    scanner = StreamScanner(hide_usage=True)
    assert scanner.feed(chunk) == chunk
    scanner.feed(DONE)
    assert scanner.usage is not None
    assert scanner.usage.completion_tokens == 9


def test_an_event_without_end_is_given_up() -> None:
    scanner = StreamScanner(hide_usage=True)
    piece = b"data: " + b"x" * 65536
    for _ in range(100):
        assert scanner.feed(piece) == b""
        if scanner.malformed:
            return
    raise AssertionError("it grew without bound")


def counted(event: bytes, read: int, written: int) -> bytes:
    """Return the event with the count so far, as vLLM adds it."""
    usage = b',"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}}' % (
        read,
        read + written,
        written,
    )
    head, brace, end = event.rpartition(b"}")
    assert brace
    return head + usage + end


PLAIN = [ROLE, TOKEN, THINKS, TEXT]
COUNTED = [counted(event, 9, number) for number, event in enumerate(PLAIN)]


@given(st.lists(st.integers(0, sum(map(len, COUNTED))), max_size=40).map(sorted))
def test_the_count_so_far_is_noted_and_hidden(cuts: list[int]) -> None:
    whole = b"".join(COUNTED)
    bounds = [0, *cuts, len(whole)]
    scanner = StreamScanner(hide_usage=True, hide_counts=True)
    passed = b"".join(scanner.feed(whole[a:b]) for a, b in pairwise(bounds) if a < b)
    assert passed == b"".join(PLAIN)
    assert scanner.running is not None
    assert (scanner.running.prompt_tokens, scanner.running.completion_tokens) == (9, 3)
    assert scanner.usage is None, "nobody has said that this is all"
    shown = StreamScanner(hide_usage=False)
    assert shown.feed(whole) == whole


def test_a_count_with_details_is_hidden_too() -> None:
    scanner = StreamScanner(hide_usage=True, hide_counts=True)
    event = counted(TEXT, 3, 2).replace(
        b"}}\n\n", b',"completion_tokens_details":{"reasoning_tokens":1}}}\n\n'
    )
    assert scanner.feed(event) == TEXT
    assert scanner.running is not None
    assert scanner.running.completion_tokens == 2


def test_the_last_count_stands_for_all_where_no_usage_event_comes() -> None:
    scanner = StreamScanner(hide_usage=True, hide_counts=True)
    scanner.feed(counted(TEXT, 7, 1))
    scanner.feed(counted(TEXT, 7, 4))
    scanner.feed(DONE)
    assert scanner.usage is not None
    assert (scanner.usage.prompt_tokens, scanner.usage.completion_tokens) == (7, 4)
    plain = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\n'
    scanner = StreamScanner(hide_usage=False, hide_counts=True)
    assert scanner.feed(plain) == plain, "the usage event is not a chunk's count"
    assert scanner.usage is not None
    assert scanner.usage.completion_tokens == 9
