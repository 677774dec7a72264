"""The gateway's errors, and how any error looks to a client.

    ApiError (argosy.kit.errors; what the services answer)
    ├── InvalidRequest … Internal            as they are
    ├── MethodNotAllowed               405   the route exists, with another method
    ├── BodyTimeout                    408   the client did not send its body in time
    ├── HeadTooLarge                   431   the request's head is beyond the limits
    ├── QueueFull                      429   the pool's queue has no room
    ├── EngineRefused                  4xx   the engine says that the request is wrong
    ├── ClientDisconnected             499   nobody reads the answer; only metered
    ├── UpstreamMalformed              502   the engine sent what is no answer
    ├── EngineFailed                   502   the engine answered 5xx
    ├── UpstreamDisconnected           503   the engine's connection broke
    ├── NoReplica                      503   nothing can serve the model now
    ├── QueueTimeout                   503   waited too long in the pool's queue
    ├── Draining                       503   this gateway is going down
    └── UpstreamTimeout                504   the engine was silent for too long

Knows statuses, OpenAI's error body and the closed list of outcomes. Does not know when an error
happens.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
from argosy.kit.errors import (
    ApiError,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

_LONGEST_ECHO: Final = 200


class Outcome(StrEnum):
    """How a request ended: the closed list of metric labels and of `UsageRecorded.outcome`."""

    OK = "ok"
    INVALID_REQUEST = "invalid_request"
    UNAUTHENTICATED = "unauthenticated"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    BODY_TIMEOUT = "body_timeout"
    RATE_LIMITED = "rate_limited"
    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    ENGINE_REFUSED = "engine_refused"
    ENGINE_FAILED = "engine_failed"
    CLIENT_DISCONNECTED = "client_disconnected"
    UPSTREAM_DISCONNECTED = "upstream_disconnected"
    UPSTREAM_MALFORMED = "upstream_malformed"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    NO_REPLICA = "no_replica"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    # Nobody was told: the next gateway found it unrecorded.
    GATEWAY_DIED = "gateway_died"


class MethodNotAllowed(ApiError):
    """The route exists, with another method."""

    http_status = 405
    openai_type = "invalid_request_error"


class BodyTimeout(ApiError):
    """The client did not send its body in time."""

    http_status = 408
    openai_type = "invalid_request_error"


class HeadTooLarge(ApiError):
    """The request's head is beyond the limits."""

    http_status = 431
    openai_type = "invalid_request_error"


class QueueFull(RateLimited):
    """The pool's queue has no room."""


class EngineRefused(ApiError):
    """The engine says that the request is wrong; carries the engine's cleaned message."""

    http_status = 400
    openai_type = "invalid_request_error"


class ClientDisconnected(ApiError):
    """The client is gone. Nobody reads this error; it is metered."""

    http_status = 499


class UpstreamMalformed(ApiError):
    """The engine sent what is no answer."""

    http_status = 502


class EngineFailed(ApiError):
    """The engine answered with a server error."""

    http_status = 502


class UpstreamDisconnected(Unavailable):
    """The connection to the engine broke."""


class NoReplica(Unavailable):
    """Nothing can serve the model now."""


class QueueTimeout(Unavailable):
    """The request waited too long in the pool's queue."""


class Draining(Unavailable):
    """This gateway is going down; another one, or its successor, takes the request."""


class UpstreamTimeout(ApiError):
    """The engine was silent for too long."""

    http_status = 504


class Row(NamedTuple):
    """One line of the error table. `code` is used where the error itself carries none."""

    outcome: Outcome
    code: str | None = None
    retry_after: int | None = None


# Looked up by the error's class, then by its bases. Status and type are the class's own.
TABLE: Final[dict[type[ApiError], Row]] = {
    InvalidRequest: Row(Outcome.INVALID_REQUEST),
    Unauthenticated: Row(Outcome.UNAUTHENTICATED, "invalid_api_key"),
    PermissionDenied: Row(Outcome.INVALID_REQUEST),
    NotFound: Row(Outcome.NOT_FOUND),
    MethodNotAllowed: Row(Outcome.INVALID_REQUEST, "method_not_supported"),
    Conflict: Row(Outcome.INVALID_REQUEST),
    TooLarge: Row(Outcome.TOO_LARGE, "request_too_large"),
    BodyTimeout: Row(Outcome.BODY_TIMEOUT, "request_timeout"),
    HeadTooLarge: Row(Outcome.TOO_LARGE, "request_head_too_large"),
    RateLimited: Row(Outcome.RATE_LIMITED, "rate_limit_exceeded", 2),
    QuotaExceeded: Row(Outcome.RATE_LIMITED, "insufficient_quota"),
    QueueFull: Row(Outcome.QUEUE_FULL, "queue_full", 2),
    EngineRefused: Row(Outcome.ENGINE_REFUSED),
    ClientDisconnected: Row(Outcome.CLIENT_DISCONNECTED, "client_disconnected"),
    UpstreamMalformed: Row(Outcome.UPSTREAM_MALFORMED, "upstream_malformed"),
    EngineFailed: Row(Outcome.ENGINE_FAILED, "engine_failed"),
    UpstreamDisconnected: Row(Outcome.UPSTREAM_DISCONNECTED, "upstream_disconnected", 1),
    UpstreamTimeout: Row(Outcome.UPSTREAM_TIMEOUT, "upstream_timeout"),
    NoReplica: Row(Outcome.NO_REPLICA, "no_replica_available", 2),
    QueueTimeout: Row(Outcome.QUEUE_TIMEOUT, "queue_timeout", 2),
    Draining: Row(Outcome.DRAINING, "server_draining", 1),
    Unavailable: Row(Outcome.UNAVAILABLE, "service_unavailable", 2),
    ApiError: Row(Outcome.INTERNAL),
}


class Rendered(NamedTuple):
    """An error as an HTTP answer: header names are lower case; `body` is JSON."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def echo(text: str) -> str:
    """Return a client's own text for use in a message: printable, and not long."""
    shown = text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…"
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")


def row(error: ApiError) -> Row:
    """Return the error's line of the table."""
    for cls in type(error).__mro__:
        if (found := TABLE.get(cls)) is not None:
            return found
    return TABLE[ApiError]


def outcome(error: ApiError) -> Outcome:
    """Return the outcome that a request ending with `error` is counted under."""
    return row(error).outcome


def error_body(error: ApiError) -> bytes:
    """Return OpenAI's error object, as the body of an answer or the data of a stream's event."""
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": error.openai_type,
                "param": error.param,
                "code": error.code or row(error).code,
            }
        }
    )


def render(error: ApiError) -> Rendered:
    """Return the whole answer for `error`."""
    body = error_body(error)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    headers += error.headers
    own = any(name == b"retry-after" for name, _ in error.headers)
    if not own and (seconds := row(error).retry_after) is not None:
        headers.append((b"retry-after", b"%d" % seconds))
    if isinstance(error, Draining | BodyTimeout):
        headers.append((b"connection", b"close"))
    return Rendered(error.http_status, headers, body)
