"""What a key may do in the admin API: an owner everything, a reader look, others nothing."""

from __future__ import annotations

from typing import Final

from argosy.api.registry.v1.registry_pb2 import ADMIN_ROLE_OWNER, ADMIN_ROLE_READER
from argosy.gateway.access.caller import Caller
from argosy.kit.errors import PermissionDenied

_LOOKING: Final = frozenset({"GET", "HEAD"})


def require(caller: Caller, method: str) -> None:
    """Raise PermissionDenied unless the caller's role covers the HTTP method in the admin API."""
    if caller.admin_role == ADMIN_ROLE_OWNER:
        return
    if caller.admin_role != ADMIN_ROLE_READER:
        raise PermissionDenied(
            "You have insufficient permissions for this operation: it takes an admin API key. An "
            "owner of this server can make one.",
            code="insufficient_permissions",
        )
    if method not in _LOOKING:
        raise PermissionDenied(
            "You have insufficient permissions for this operation: your admin API key has the "
            "role 'reader' and changes nothing. It takes one with the role 'owner'.",
            code="insufficient_permissions",
        )
