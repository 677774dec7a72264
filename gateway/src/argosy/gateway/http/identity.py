"""Who sends a request of the ordinary API, as handlers ask for it: `caller`, `admin`, `actor`.

Knows the framework's requests. Where a request carries its key is in `sender.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access import roles
from argosy.gateway.access.keys import Authenticator, Caller
from argosy.gateway.http.sender import known, project_key
from argosy.gateway.lane.asgi import Scope
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

    async def caller(request: Asked) -> Caller:
        return await project_key(authenticator, _scope(request))

    async def admin(request: Asked) -> Caller:
        who = await known(authenticator, _scope(request), admin=True)
        roles.require(who, request.method, request.scope["path"])
        return who

    async def actor(request: Asked) -> pb.Actor:
        who = await admin(request)
        return pb.Actor(key_id=who.key_id, **_from(request))

    return {"caller": caller, "admin": admin, "actor": actor}


def _scope(request: Asked) -> Scope:
    # A typed dictionary is none of the mutable mappings for mypy; ASGI allows extensions.
    return cast("Scope", request.scope)


def _from(request: Asked) -> dict[str, str]:
    peer = request.scope.get("client")
    agent = request.headers.get("user-agent", "")
    return {"ip_address": peer[0] if peer else "", "user_agent": agent[:_LONGEST_USER_AGENT]}
