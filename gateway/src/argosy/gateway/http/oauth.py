"""`/oauth/2.0/token`: an app's key id and secret for a token, as RFC 6749, 4.4, has it.

An app is a service account of a project; `client_id` is the id of one of its keys, `client_secret`
that key's secret. The answer has every field that clients of the original read; there are no
refresh tokens and no sessions, so that their fields are empty.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.tokens import LIFETIME_SECONDS, AccessTokens
from argosy.gateway.http.ports import Given
from argosy.kit.errors import PermissionDenied, Unauthenticated
from litestar import Controller, Request, Response, get, post

Json = dict[str, Any]

_GRANT: Final = "client_credentials"
# What is shown for a secret must not be kept on the way (RFC 6749, 5.1).
_NOT_KEPT: Final = {"cache-control": "no-store", "pragma": "no-cache"}


class TokenDesk:
    """Issues tokens to whoever shows a key's id and secret."""

    def __init__(self, authenticator: Authenticator, tokens: AccessTokens) -> None:
        self._authenticator = authenticator
        self._tokens = tokens

    async def answer(self, query: dict[str, str], peer: str) -> tuple[int, Json]:
        """Return status and body. Raises RateLimited after too many wrong secrets."""
        if query.get("grant_type") != _GRANT:
            return 400, _error("unsupported_grant_type", f"Send grant_type={_GRANT}.")
        secret = query.get("client_secret", "").encode("utf-8", "replace")
        try:
            caller = await self._authenticator.find([b"Bearer " + secret], peer)
        except (Unauthenticated, PermissionDenied):
            return 401, _error("invalid_client", "Client authentication failed")
        shown = query.get("client_id", "").encode("utf-8", "replace")
        if not hmac.compare_digest(shown, caller.key_id.encode()):
            return 401, _error("invalid_client", "unknown client id")
        return 200, {
            "access_token": self._tokens.issue(caller.key_id),
            "expires_in": LIFETIME_SECONDS,
            "refresh_token": "",
            "scope": "public",
            "session_key": "",
            "session_secret": "",
        }


class OAuthController(Controller):
    path = "/oauth/2.0/token"

    @get()
    async def by_get(
        self, request: Request[Any, Any, Any], token_desk: Given[TokenDesk]
    ) -> Response[Json]:
        return await _answered(request, token_desk)

    @post(status_code=200)
    async def by_post(
        self, request: Request[Any, Any, Any], token_desk: Given[TokenDesk]
    ) -> Response[Json]:
        return await _answered(request, token_desk)


async def _answered(request: Request[Any, Any, Any], desk: TokenDesk) -> Response[Json]:
    query = dict(request.query_params.multi_items())
    peer = request.scope.get("client")
    status, body = await desk.answer(query, peer[0] if peer else "")
    return Response(body, status_code=status, headers=_NOT_KEPT)


def _error(code: str, description: str) -> Json:
    return {"error": code, "error_description": description}
