"""The check of an API key: one HMAC and one dictionary look-up, nothing else.

Knows the `Authorization` header and the catalogue's digests. Every way to fail with a header gives
the same constant answer, which holds no part of the header.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from argosy.gateway.catalog import Catalog
from argosy.kit.errors import Unauthenticated, Unavailable

# OpenAI's keys are below 200 characters; more is not a key and is not hashed.
_LONGEST_SECRET: Final = 512
_SCHEME: Final = b"bearer "

MISSING: Final = (
    "You didn't provide an API key. Send it in an Authorization header, as "
    "`Authorization: Bearer YOUR_KEY`."
)
WRONG: Final = "Incorrect API key provided. Ask the operator of this server for a key."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: a key of a project of an organization."""

    key_id: str
    project_id: str
    organization_slug: str


class Authenticator:
    """Tells who sends a request."""

    def __init__(self, catalog: Catalog, pepper: bytes, all_keys_known: Callable[[], bool]) -> None:
        """`all_keys_known` tells whether a key that the catalogue lacks does not exist."""
        self._catalog = catalog
        self._pepper = pepper
        self._all_keys_known = all_keys_known

    def identify(self, authorization: Sequence[bytes]) -> Caller:
        """Return the caller by the values of all `Authorization` headers of the request.

        Raises Unauthenticated, or Unavailable where the key may exist but is not known here yet:
        an unknown key is refused for good only while the catalogue is up to date.
        """
        if not authorization:
            raise Unauthenticated(MISSING, code="invalid_api_key")
        secret = self._secret(authorization)
        key = None
        if secret is not None:
            key = self._catalog.key(hmac.digest(self._pepper, secret, "sha256"))
        if key is None:
            if secret is not None and not self._all_keys_known():
                raise Unavailable(
                    "API keys cannot be checked right now. Try again in a few seconds.",
                    code="keys_unavailable",
                )
            raise Unauthenticated(WRONG, code="invalid_api_key")
        project = self._catalog.project(key.project_id)
        return Caller(key.id, key.project_id, project.organization_slug if project else "")

    @staticmethod
    def _secret(authorization: Sequence[bytes]) -> bytes | None:
        """Return the bearer secret, or None if the header cannot hold one of our keys."""
        if len(authorization) != 1:
            return None
        value = authorization[0]
        if value[: len(_SCHEME)].lower() != _SCHEME:
            return None
        secret = value[len(_SCHEME) :].strip(b" ")
        printable = all(0x20 < byte < 0x7F for byte in secret[: _LONGEST_SECRET + 1])
        return secret if secret and len(secret) <= _LONGEST_SECRET and printable else None
