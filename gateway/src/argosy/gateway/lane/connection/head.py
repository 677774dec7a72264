"""A request's head: what the lane reads of it. Does not know connections."""

from __future__ import annotations

from collections.abc import Sequence

from argosy.gateway.familiar import Familiar
from argosy.gateway.lane.connection.heads import Header
from argosy.gateway.lane.request.completion import Operation


class Head:
    """A head that was parsed. `length` is the body's, if it was told."""

    __slots__ = (
        "authorization", "chunked", "expects_continue", "explain", "headers", "keep_alive",
        "length", "operation", "traceparent",
    )  # fmt: skip

    def __init__(
        self, operation: Operation, headers: Sequence[Header], *, keep_alive: bool, chunked: bool
    ) -> None:
        self.operation = operation
        self.headers = headers
        self.keep_alive = keep_alive
        # The client reads answers in chunks.
        self.chunked = chunked
        self.authorization: list[bytes] = []
        self.traceparent = b""
        self.explain = b""
        self.expects_continue = False
        self.length: int | None = None
        for name, value in headers:
            if name == b"authorization":
                self.authorization.append(value)
            elif name == b"content-length":
                # llhttp has judged it: digits, and one of it.
                self.length = int(value)
            elif name == b"traceparent":
                self.traceparent = value
            elif name == b"expect":
                self.expects_continue = value.lower() == b"100-continue"
            elif name == b"x-argosy-explain":
                self.explain = value


def remember(familiar: Familiar[Head], data: bytes, head: Head) -> None:
    """Let a request with the head of `data`, one or more whole requests, skip the parser next time.

    One that may be handed over may not: its headers must be those that came.
    """
    plain = head.keep_alive and not head.expects_continue and head.length is not None
    if plain and head.operation is not Operation.EMBEDDING and data.count(b"\r\n\r\n") == 1:
        familiar.learn(data, head)
    else:
        familiar.forget()
