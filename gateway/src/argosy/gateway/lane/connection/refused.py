"""What a client is told whose bytes are not taken. Knows words; does not know when."""

from __future__ import annotations

import re
from typing import Final

from argosy.gateway.access.keys import WRONG
from argosy.gateway.errors import BodyTimeout, HeadTooLarge
from argosy.kit.errors import ApiError, InvalidRequest, Unauthenticated

_ENDLESS_KEY: Final = re.compile(rb"\nauthorization:[^\r\n]*$", re.IGNORECASE)


class Refused(Exception):
    """Leaves the parser with what the client is told."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


def unreadable() -> InvalidRequest:
    """Return the error for what the parser does not take."""
    return bad_request("We could not read your request as HTTP/1.1.")


def late_head(seconds: float) -> BodyTimeout:
    """Return the error for a head that does not come."""
    return BodyTimeout(f"The request's head did not arrive within {seconds:g} s. Send it again.")


def bad_request(why: str) -> InvalidRequest:
    """Return the error for bytes that are no request."""
    return InvalidRequest(f"Invalid HTTP request received. {why}", code="invalid_http")


def no_upgrade() -> InvalidRequest:
    """Return the error for a wish to speak another protocol."""
    return bad_request("Upgrades are not supported: send HTTP/1.1 without an Upgrade header.")


def head_too_large(head: bytes, most_bytes: int, most_headers: int) -> ApiError:
    """Return the error for a head beyond the limits; `head` is its beginning.

    Where an API key is what does not end, it is refused like every other that is none.
    """
    if _ENDLESS_KEY.search(head):
        return Unauthenticated(WRONG, code="invalid_api_key")
    return HeadTooLarge(
        f"The request's head is larger than {most_bytes} bytes or has more than {most_headers} "
        "headers, the limits of this server. Send fewer or shorter headers."
    )
