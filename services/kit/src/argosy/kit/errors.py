"""The errors that cross a boundary, from a service through gRPC to the public API.

    ApiError
    ├── InvalidRequest     400  the request is wrong; it will be wrong again
    ├── Unauthenticated    401  no key, or one that is not known
    ├── PermissionDenied   403  known, but may not
    ├── NotFound           404  no such thing, or another project's
    ├── Conflict           409  the state of the thing forbids it
    ├── TooLarge           413  over a size limit
    ├── RateLimited        429  over a rate limit, or the queue is full
    │   └── QuotaExceeded  429  the money of the day or the month is used up
    ├── Unavailable        503  try again later
    └── Internal           500  our fault

Knows statuses and how an error travels. Does not know HTTP bodies (the gateway writes those), nor
gRPC itself: statuses are named, so that a process without gRPC need not load it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from argosy.api.common.v1 import common_pb2


class ApiError(Exception):
    """An error whose message is meant for the caller.

    The message names the field, the limit and the way out. `param` is the field as the public
    API names it, `code` a machine-readable reason (OpenAI's where one exists). `headers` go with
    the HTTP answer, names in lower case; they do not travel between services.
    """

    kind: ClassVar[common_pb2.ErrorKind.ValueType] = common_pb2.ERROR_KIND_INTERNAL
    http_status: ClassVar[int] = 500
    # A name of grpc.StatusCode.
    grpc_status: ClassVar[str] = "INTERNAL"
    openai_type: ClassVar[str] = "server_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.headers = headers


class InvalidRequest(ApiError):
    kind = common_pb2.ERROR_KIND_INVALID_REQUEST
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"
    openai_type = "invalid_request_error"


class Unauthenticated(ApiError):
    kind = common_pb2.ERROR_KIND_UNAUTHENTICATED
    http_status = 401
    grpc_status = "UNAUTHENTICATED"
    openai_type = "invalid_request_error"


class PermissionDenied(ApiError):
    kind = common_pb2.ERROR_KIND_PERMISSION_DENIED
    http_status = 403
    grpc_status = "PERMISSION_DENIED"
    openai_type = "invalid_request_error"


class NotFound(ApiError):
    kind = common_pb2.ERROR_KIND_NOT_FOUND
    http_status = 404
    grpc_status = "NOT_FOUND"
    openai_type = "invalid_request_error"


class Conflict(ApiError):
    kind = common_pb2.ERROR_KIND_CONFLICT
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"
    openai_type = "invalid_request_error"


class TooLarge(ApiError):
    kind = common_pb2.ERROR_KIND_TOO_LARGE
    http_status = 413
    grpc_status = "OUT_OF_RANGE"
    openai_type = "invalid_request_error"


class RateLimited(ApiError):
    kind = common_pb2.ERROR_KIND_RATE_LIMITED
    http_status = 429
    grpc_status = "RESOURCE_EXHAUSTED"
    openai_type = "rate_limit_error"


class QuotaExceeded(RateLimited):
    kind = common_pb2.ERROR_KIND_QUOTA_EXCEEDED
    openai_type = "insufficient_quota"


class Unavailable(ApiError):
    kind = common_pb2.ERROR_KIND_UNAVAILABLE
    http_status = 503
    grpc_status = "UNAVAILABLE"


class Internal(ApiError):
    pass


_BY_KIND: Final[dict[int, type[ApiError]]] = {
    cls.kind: cls
    for cls in (
        InvalidRequest,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        Conflict,
        TooLarge,
        RateLimited,
        QuotaExceeded,
        Unavailable,
        Internal,
    )
}


def to_proto(error: ApiError) -> common_pb2.ApiError:
    """Return the message that carries `error` between services and into the database."""
    return common_pb2.ApiError(
        kind=error.kind, message=error.message, param=error.param or "", code=error.code or ""
    )


def from_proto(message: common_pb2.ApiError) -> ApiError:
    """Return the exception that `message` describes; an unknown kind becomes `Internal`."""
    cls = _BY_KIND.get(message.kind, Internal)
    return cls(message.message, param=message.param or None, code=message.code or None)
