"""Who sends a request, and what that says about how it is treated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from argosy.api.registry.v1.registry_pb2 import (
    ADMIN_ROLE_UNSPECIFIED,
    PRIORITY_DEFAULT,
    PROJECT_ROLE_MEMBER,
    Limits,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A key of a project of an organization. One object serves all requests of a key, until the
    key or its project changes.

    `priority` is what its requests are if they name no `service_tier`, and the most they can be;
    `share` the project's part of a busy pool relative to other projects. Limits are None where
    there are none. `admin_role` is what the key may do in the admin API, `project_role` in
    its project; a key of the admin API alone has no project. `user_id` is empty for a service
    account's key.
    """

    key_id: str
    project_id: str
    organization_slug: str
    priority: int = PRIORITY_DEFAULT
    admin: bool = False
    share: float = 1.0
    admin_role: int = ADMIN_ROLE_UNSPECIFIED
    user_id: str = ""
    project_role: int = PROJECT_ROLE_MEMBER
    key_limits: Limits | None = None
    project_limits: Limits | None = None
    # Of the project, for single models: by model id.
    model_limits: Mapping[str, Limits] | None = None
    # The project's money of the month is used up.
    spend_exhausted: bool = False
    # Requests that say so are stored.
    stores_completions: bool = False
