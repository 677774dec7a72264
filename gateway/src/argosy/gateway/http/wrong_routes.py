"""What is said of requests that reach no handler, and where a handler broke."""

from __future__ import annotations

from argosy.gateway.errors import MethodNotAllowed, echo
from argosy.kit.errors import Internal, NotFound


def no_such_route(method: str, path: str) -> NotFound:
    """Return the error for a path that is none of ours."""
    return NotFound(f"Invalid URL ({method} {echo(path)})")


def wrong_method(method: str, path: str, allowed: str) -> MethodNotAllowed:
    """Return the error for a path that takes other methods, those that are `allowed`."""
    return MethodNotAllowed(
        f"Not allowed to {method} on {echo(path)}. (HINT: Perhaps you meant to use a "
        "different HTTP method?)",
        headers=((b"allow", allowed.encode()),),
    )


def broken() -> Internal:
    """Return the error for an exception that nobody expected; it says nothing about it."""
    return Internal(
        "The server had an error while processing your request. Try again; if it stays, give "
        "the x-request-id of this answer to the operator."
    )
