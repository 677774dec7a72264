"""Exceptions of the ordinary API as answers.

Knows which exception of the framework stands for which error; the errors' looks are in
`argosy.gateway.errors`. An exception that nobody expected is logged and answered with a body that
says nothing about it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from argosy.gateway.errors import render
from argosy.gateway.http.wrong_routes import broken, no_such_route, wrong_method
from argosy.gateway.lane.request.completion import BY_PATH
from argosy.kit.errors import ApiError, InvalidRequest
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

_log = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, Any]
Handler = Callable[[AnyRequest, Any], Response[Any]]


def answer(error: ApiError) -> Response[bytes]:
    """Return OpenAI's error object for `error`."""
    rendered = render(error)
    headers = {name.decode(): value.decode() for name, value in rendered.headers}
    media_type = headers.pop("content-type")
    del headers["content-length"]  # Litestar counts the bytes itself
    return Response(
        rendered.body,
        status_code=rendered.status,
        headers=headers,
        media_type=media_type,
    )


def _api_error(_: AnyRequest, error: ApiError) -> Response[bytes]:
    return answer(error)


def _unknown_route(request: AnyRequest, _: NotFoundException) -> Response[bytes]:
    if request.scope["path"] in BY_PATH:
        # The lane's, which takes only POST.
        return _refuse_method(request, "POST")
    return answer(no_such_route(request.method, request.scope["path"]))


def _wrong_method(request: AnyRequest, error: MethodNotAllowedException) -> Response[bytes]:
    return _refuse_method(request, (error.headers or {}).get("allow", ""))


def _refuse_method(request: AnyRequest, allowed: str) -> Response[bytes]:
    return answer(wrong_method(request.method, request.scope["path"], allowed))


def _http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    if error.status_code >= 500:
        return _unexpected(request, error)
    return answer(InvalidRequest(f"The request could not be read: {error.detail}"))


def _unexpected(_: AnyRequest, error: Exception) -> Response[bytes]:
    _log.error("request failed", exc_info=error)
    return answer(broken())


HANDLERS: dict[int | type[Exception], Handler] = {
    ApiError: _api_error,
    NotFoundException: _unknown_route,
    MethodNotAllowedException: _wrong_method,
    HTTPException: _http_error,
    Exception: _unexpected,
}
