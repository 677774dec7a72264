"""What a key may do by its roles: in the admin API, and in its project.

    admin role   owner    everything in the admin API
                 reader   looks at everything there
    project role owner    beside a member's: sees its own project in the admin API, manages its
                          people, service accounts, keys and alerts
                 member   uses the project: no admin API
                 reader   looks at the project's things, uses and changes none

What caps a project (limits, models, money) is for administrators alone: nobody raises an own cap.
"""

from __future__ import annotations

import re
from typing import Final

from argosy.api.registry.v1.registry_pb2 import (
    ADMIN_ROLE_OWNER,
    ADMIN_ROLE_READER,
    PROJECT_ROLE_OWNER,
)
from argosy.gateway.access.caller import Caller
from argosy.kit.errors import PermissionDenied

LOOKING: Final = frozenset({"GET", "HEAD"})

_OWN: Final = re.compile(r"/v1/organization/projects/(?P<project>[^/]+)(?:/(?P<thing>[^/]+).*)?")
# What a project's owner manages of it.
_MANAGED: Final = frozenset({"users", "service_accounts", "api_keys", "spend_alerts"})
_CODE: Final = "insufficient_permissions"


def require(caller: Caller, method: str, path: str) -> None:
    """Raise PermissionDenied unless the caller's roles cover a request of the admin API."""
    if caller.admin_role == ADMIN_ROLE_OWNER:
        return
    looking = method in LOOKING
    if caller.admin_role == ADMIN_ROLE_READER and looking:
        return
    if caller.project_role == PROJECT_ROLE_OWNER and _is_own(caller, path, looking=looking):
        return
    if caller.admin_role == ADMIN_ROLE_READER:
        raise PermissionDenied(
            "You have insufficient permissions for this operation: your admin API key has the "
            "role 'reader' and changes nothing. It takes one with the role 'owner'.",
            code=_CODE,
        )
    raise PermissionDenied(
        "You have insufficient permissions for this operation: it takes an admin API key. An "
        "owner of this server can make one.",
        code=_CODE,
    )


def reader() -> PermissionDenied:
    """Return what a reader's key is told that would use or change something."""
    return PermissionDenied(
        "You have insufficient permissions for this operation: your key has the role 'reader' and "
        "looks at things only. Ask an owner to make you a member of the project.",
        code=_CODE,
    )


def _is_own(caller: Caller, path: str, *, looking: bool) -> bool:
    """Tell whether a path of the admin API is for the owner of the caller's project."""
    match = _OWN.fullmatch(path)
    if match is None or not caller.project_id or match["project"] != caller.project_id:
        return False
    return looking or match["thing"] in _MANAGED
