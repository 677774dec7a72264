"""What the audit log holds: who changed what, and when. Knows OpenAI's words for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AuditType(StrEnum):
    """What happened, in OpenAI's words where it has some."""

    ACCESS_REQUESTED = "access_request.created"
    ACCESS_APPROVED = "access_request.approved"
    ACCESS_REJECTED = "access_request.rejected"
    KEY_CREATED = "api_key.created"
    KEY_UPDATED = "api_key.updated"
    KEY_DELETED = "api_key.deleted"
    PERMISSION_CREATED = "checkpoint.permission.created"
    PERMISSION_DELETED = "checkpoint.permission.deleted"
    INVITE_SENT = "invite.sent"
    INVITE_ACCEPTED = "invite.accepted"
    INVITE_DELETED = "invite.deleted"
    ORGANIZATION_UPDATED = "organization.updated"
    PROJECT_CREATED = "project.created"
    PROJECT_UPDATED = "project.updated"
    PROJECT_ARCHIVED = "project.archived"
    RATE_LIMIT_UPDATED = "rate_limit.updated"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_UPDATED = "service_account.updated"
    SERVICE_ACCOUNT_DELETED = "service_account.deleted"
    USER_ADDED = "user.added"
    USER_UPDATED = "user.updated"
    USER_DELETED = "user.deleted"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change; an empty `key_id` is the server itself."""

    key_id: str
    ip_address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `details` has what `type` tells beside the id of what changed."""

    id: str
    effective_at: datetime
    type: str
    actor_key_id: str
    actor_user_id: str
    actor_user_email: str
    actor_service_account_id: str
    actor_ip_address: str
    actor_user_agent: str
    project_id: str
    project_name: str
    resource_id: str
    details: dict[str, object]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are asked for; an empty list is any. The bounds of time are included."""

    types: tuple[str, ...] = ()
    project_ids: tuple[str, ...] = ()
    actor_ids: tuple[str, ...] = ()
    actor_emails: tuple[str, ...] = ()
    resource_ids: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A change, as the use case that makes it tells of it."""

    type: AuditType
    resource_id: str
    project_id: str = ""
    details: dict[str, object] = field(default_factory=dict)
