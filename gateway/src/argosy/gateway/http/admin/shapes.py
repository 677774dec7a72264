"""What the admin API shows: OpenAI's objects out of the registry's messages."""

from __future__ import annotations

from typing import Final

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import registry_pb2
from argosy.gateway.http.admin.extension import limits_json, priority_word
from argosy.gateway.http.paging import Json
from google.protobuf.message import Message

_ADMIN_ROLES: Final[dict[int, str]] = {
    registry_pb2.ADMIN_ROLE_OWNER: "owner",
    registry_pb2.ADMIN_ROLE_READER: "reader",
}


def project_json(project: pb.ProjectRecord) -> Json:
    """Return OpenAI's `organization.project`."""
    return {
        "object": "organization.project",
        "id": project.id,
        "name": project.name,
        "created_at": project.created_at.seconds,
        "archived_at": seconds(project, "archived_at"),
        "status": "archived" if project.HasField("archived_at") else "active",
        "argosy": {
            "limits": limits_json(project.limits),
            "share": project.share,
            "stores_completions": project.stores_completions,
        },
    }


def service_account_json(account: pb.ServiceAccount) -> Json:
    """Return OpenAI's `organization.project.service_account`."""
    return {
        "object": "organization.project.service_account",
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "created_at": account.created_at.seconds,
    }


def service_account_key_json(made: pb.CreateKeyResponse) -> Json:
    """Return a service account's new key, the one time that it is shown."""
    return {
        "object": "organization.project.service_account.api_key",
        "id": made.key.id,
        "name": made.key.name,
        "created_at": made.key.created_at.seconds,
        "expires_at": seconds(made.key, "expires_at"),
        "value": made.secret,
    }


def project_key_json(key: pb.KeyRecord) -> Json:
    """Return OpenAI's `organization.project.api_key`."""
    active = not key.HasField("service_account") or key.service_account.role != "none"
    return {
        "object": "organization.project.api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": key.redacted_value,
        "created_at": key.created_at.seconds,
        "last_used_at": None,
        "expires_at": seconds(key, "expires_at"),
        "owner": _owner_json(key),
        "owner_project_access": "active" if active else "inactive",
        "argosy": {
            "limits": limits_json(key.limits),
            "priority": priority_word(key.priority),
        },
    }


def admin_key_json(key: pb.KeyRecord) -> Json:
    """Return OpenAI's `organization.admin_api_key`; the key's own role is under `argosy`."""
    return {
        "object": "organization.admin_api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": key.redacted_value,
        "created_at": key.created_at.seconds,
        "last_used_at": None,
        "expires_at": seconds(key, "expires_at"),
        "owner": {
            "type": "user",
            "object": "organization.user",
            "id": key.user.id,
            "name": key.user.name,
            "created_at": key.user.added_at.seconds,
            "role": key.user.role,
        },
        "argosy": {"role": _ADMIN_ROLES.get(key.admin_role)},
    }


def seconds(message: Message, field: str) -> int | None:
    """Return a time of the message as Unix seconds, None where it is unset."""
    if not message.HasField(field):
        return None
    found: int = getattr(message, field).seconds
    return found


def _owner_json(key: pb.KeyRecord) -> Json:
    if key.HasField("service_account"):
        account = key.service_account
        return {
            "type": "service_account",
            "service_account": {
                "id": account.id,
                "name": account.name,
                "created_at": account.created_at.seconds,
                "role": account.role,
            },
            "user": None,
        }
    return {
        "type": "user",
        "service_account": None,
        "user": {
            "id": key.user.id,
            "email": key.user.email,
            "name": key.user.name,
            "created_at": key.user.added_at.seconds,
            "role": key.user.role,
        },
    }
