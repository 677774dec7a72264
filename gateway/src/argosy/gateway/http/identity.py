"""Who sends a request of the ordinary API, as handlers ask for it: `caller`, `admin`, `actor`.

Knows where a request carries its key or token. Does not know which keys there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access import roles, tokens
from argosy.gateway.access.keys import Authenticator, Caller
from argosy.gateway.access.spending import require_money
from argosy.gateway.http import envelope
from litestar import Request

Asked = Request[Any, Any, Any]

_LONGEST_USER_AGENT: Final = 256


def identities(
    authenticator: Authenticator,
) -> dict[str, Callable[[Asked], Awaitable[Any]]]:
    """Return what tells who asks, by the names under which handlers ask for it.

    `caller` is a key of a project; `admin` a key whose role covers the request in the admin
    API; `actor` the same, as the audit log names it.
    """

    async def known(request: Asked, *, admin: bool) -> Caller:
        peer = request.scope.get("client")
        who = await authenticator.find(
            _sent(request),
            peer[0] if peer else "",
            admin=admin,
            looks_on=request.method in roles.LOOKING,
        )
        request.scope[envelope.ORGANIZATION] = who.organization_slug  # type: ignore[typeddict-unknown-key]  # ASGI allows extensions
        return who

    async def caller(request: Asked) -> Caller:
        who = await known(request, admin=False)
        require_money(who, request.method, request.scope["path"])
        return who

    async def admin(request: Asked) -> Caller:
        who = await known(request, admin=True)
        roles.require(who, request.method, request.scope["path"])
        return who

    async def actor(request: Asked) -> pb.Actor:
        who = await admin(request)
        return pb.Actor(key_id=who.key_id, **_from(request))

    return {"caller": caller, "admin": admin, "actor": actor}


def _sent(request: Asked) -> list[bytes]:
    """Return the `Authorization` headers; without any, the token of the query as if it were one."""
    headers = [value for name, value in request.scope["headers"] if name == b"authorization"]
    return headers or tokens.of_query(request.scope["query_string"])


def _from(request: Asked) -> dict[str, str]:
    peer = request.scope.get("client")
    agent = request.headers.get("user-agent", "")
    return {"ip_address": peer[0] if peer else "", "user_agent": agent[:_LONGEST_USER_AGENT]}
