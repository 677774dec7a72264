"""A request to an engine, before it is HTTP. Knows no engine."""

from __future__ import annotations


class Call:
    """What is asked of an engine; nobody changes it."""

    __slots__ = ("body", "method", "path")

    def __init__(self, method: str, path: str, body: bytes = b"") -> None:
        self.method = method
        self.path = path
        self.body = body
