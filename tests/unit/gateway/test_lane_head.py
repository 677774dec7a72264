"""A head that comes again: the same request is read whether the parser looked or not."""

from __future__ import annotations

from typing import Final

import pytest
from argosy.gateway.familiar import Familiar
from argosy.gateway.lane.connection.head import Head, remember
from argosy.gateway.lane.request.completion import Operation, operation_at
from hypothesis import given
from hypothesis import strategies as st

START: Final = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a\r\n"
MOST: Final = 1000


def request(body: bytes, start: bytes = START, end: bytes = b"x: y\r\n") -> bytes:
    return start + b"Content-Length: %d\r\n" % len(body) + end + b"\r\n" + body


def head(operation: Operation = Operation.CHAT, *, keep_alive: bool = True, **more: bytes) -> Head:
    headers = [(b"content-length", b"2"), *((k.encode(), v) for k, v in more.items())]
    return Head(operation, headers, keep_alive=keep_alive, chunked=True)


def learned(data: bytes = request(b"{}"), of: Head | None = None) -> Familiar[Head]:
    familiar: Familiar[Head] = Familiar()
    remember(familiar, data, of or head())
    return familiar


@given(st.binary(max_size=MOST))
def test_the_same_head_with_another_body_is_known(body: bytes) -> None:
    assert learned().body(request(body), MOST) == body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request(b"{}")[:-1],
        request(b"{}") + b"x",
        request(b"{}") * 2,
        request(b"{}", start=START.replace(b"Bearer a", b"Bearer b")),
        request(b"{}", start=START.replace(b"1.1", b"1.0")),
        request(b"{}", end=b"x: z\r\n"),
        request(b"{}", end=b"x: y\r\ncontent-length: 3\r\n"),
        request(b"{}").replace(b"Length: 2", b"Length: +2"),
        request(b"{}").replace(b"Length: 2", b"Length:  2"),
        request(b"{}").replace(b"Length: 2", b"Length: 2 "),
        request(b"{}").replace(b"Length: 2", b"Length: 2,2"),
        request(b"{}").replace(b"Length: 2", b"Length: "),
        request(b"{}").replace(b"Length: 2", b"Length: 0000000002"),
        request(b"{}").replace(b"Length: 2\r\n", b"Length: 2\n"),
        request(b"{" + b"x" * MOST),
    ],
)
def test_what_differs_goes_to_the_parser(data: bytes) -> None:
    assert learned().body(data, MOST) is None


@pytest.mark.parametrize(
    ("data", "of"),
    [
        (request(b"{}"), head(keep_alive=False)),
        (request(b"{}"), head(expect=b"100-continue")),
        (request(b"{}"), head(Operation.EMBEDDING)),
        (request(b"{}"), Head(Operation.CHAT, [], keep_alive=True, chunked=True)),
        (request(b"{}") * 2, head()),
    ],
)
def test_what_is_not_plain_is_not_remembered(data: bytes, of: Head) -> None:
    familiar = learned(data, of)
    assert familiar.meaning is None
    assert familiar.body(request(b"{}"), MOST) is None


def test_it_stops_to_learn_from_a_client_whose_heads_all_differ() -> None:
    familiar: Familiar[Head] = Familiar()
    for number in range(100):
        data = request(b"{}", end=b"traceparent: %d\r\n" % number)
        assert familiar.body(data, MOST) is None
        remember(familiar, data, head())
    assert familiar.body(request(b"{}", end=b"traceparent: 99\r\n"), MOST) is None


@pytest.mark.parametrize(
    ("url", "operation"),
    [
        (b"/v1/chat/completions", Operation.CHAT),
        (b"/v1/completions?a=b", Operation.COMPLETION),
        (b"/v1/embedding%73", Operation.EMBEDDING),
        (b"/v1/chat%2Fcompletions", None),
        (b"/v1/chat/completions/", None),
        (b"//v1/chat/completions", None),
        (b"http://x/v1/chat/completions", None),
        (b"/v1/models", None),
        (b"", None),
    ],
)
def test_which_urls_are_the_lanes(url: bytes, operation: Operation | None) -> None:
    assert operation_at(url) is operation


def test_a_new_connection_knows_what_another_learned_last() -> None:
    first = learned()
    second = Familiar(first)
    assert second.body(request(b"null"), MOST) == b"null"
    assert second.meaning is first.meaning
    first.forget()
    assert second.body(request(b"{}"), MOST) == b"{}"
    assert Familiar(first).body(request(b"{}"), MOST) is None
