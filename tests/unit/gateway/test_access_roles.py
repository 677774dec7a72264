"""access.roles: who may do what in the admin API."""

from __future__ import annotations

import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access import roles
from argosy.gateway.access.caller import Caller
from argosy.kit.errors import PermissionDenied

METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (pb.ADMIN_ROLE_OWNER, set(METHODS)),
        (pb.ADMIN_ROLE_READER, {"GET", "HEAD"}),
        (pb.ADMIN_ROLE_UNSPECIFIED, set()),
        (99, set()),
    ],
)
def test_what_a_role_covers(role: int, allowed: set[str]) -> None:
    # That a key may see routing says nothing of accounts.
    caller = Caller("key", "proj", "org", admin=True, admin_role=role)
    for method in METHODS:
        if method in allowed:
            roles.require(caller, method)
        else:
            with pytest.raises(PermissionDenied) as refused:
                roles.require(caller, method)
            assert refused.value.code == "insufficient_permissions"
