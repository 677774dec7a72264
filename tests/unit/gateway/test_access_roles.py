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
            roles.require(caller, method, "/v1/organization/projects")
        else:
            with pytest.raises(PermissionDenied) as refused:
                roles.require(caller, method, "/v1/organization/projects")
            assert refused.value.code == "insufficient_permissions"


OWN = "/v1/organization/projects/proj_a"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", OWN, True),
        ("GET", f"{OWN}/rate_limits", True),
        ("GET", f"{OWN}/spend_limit", True),
        ("POST", f"{OWN}/users", True),
        ("DELETE", f"{OWN}/users/user-1", True),
        ("POST", f"{OWN}/service_accounts/svc_acct_1/api_keys", True),
        ("DELETE", f"{OWN}/api_keys/key_1", True),
        ("POST", f"{OWN}/spend_alerts", True),
        # What caps a project is not its own to change.
        ("POST", OWN, False),
        ("POST", f"{OWN}/archive", False),
        ("POST", f"{OWN}/spend_limit", False),
        ("DELETE", f"{OWN}/spend_limit", False),
        ("POST", f"{OWN}/rate_limits/rl-m", False),
        ("POST", f"{OWN}/model_permissions", False),
        ("GET", "/v1/organization/projects", False),
        ("GET", "/v1/organization/projects/proj_b", False),
        ("GET", "/v1/organization/projects/proj_ab/users", False),
        ("POST", "/v1/organization/projects/proj_b/users", False),
        ("GET", "/v1/organization/costs", False),
        ("POST", "/v1/organization/admin_api_keys", False),
    ],
)
def test_a_projects_owner_manages_its_people_and_not_its_caps(
    method: str, path: str, allowed: bool
) -> None:
    owner = Caller("key", "proj_a", "org", project_role=pb.PROJECT_ROLE_OWNER)
    member = Caller("key", "proj_a", "org")
    with pytest.raises(PermissionDenied):
        roles.require(member, method, path)
    if allowed:
        roles.require(owner, method, path)
    else:
        with pytest.raises(PermissionDenied):
            roles.require(owner, method, path)
