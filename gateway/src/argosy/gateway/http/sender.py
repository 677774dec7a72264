"""Who sends a request of the ordinary API.

Knows where a request carries its key or token. Does not know which keys there are.
"""

from __future__ import annotations

from argosy.gateway.access import roles, tokens
from argosy.gateway.access.keys import Authenticator, Caller
from argosy.gateway.access.spending import require_money
from argosy.gateway.http import envelope
from argosy.gateway.lane.asgi import Scope


async def project_key(authenticator: Authenticator, scope: Scope) -> Caller:
    """Return whose key of a project came with a request that it may pay for. Raises ApiError."""
    who = await known(authenticator, scope, admin=False)
    require_money(who, scope["method"], scope["path"])
    return who


async def known(authenticator: Authenticator, scope: Scope, *, admin: bool) -> Caller:
    """Return whose key came with a request. Raises ApiError."""
    peer = scope.get("client")
    who = await authenticator.find(
        _sent(scope),
        peer[0] if peer else "",
        admin=admin,
        looks_on=scope["method"] in roles.LOOKING,
    )
    scope[envelope.ORGANIZATION] = who.organization_slug
    return who


def _sent(scope: Scope) -> list[bytes]:
    """Return the `Authorization` headers; without any, the token of the query as if it were one."""
    headers = [value for name, value in scope["headers"] if name == b"authorization"]
    return headers or tokens.of_query(scope["query_string"])
