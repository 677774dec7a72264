"""What the admin API shows of people: OpenAI's objects out of the registry's messages."""

from __future__ import annotations

import json

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.http.admin.shapes import seconds
from argosy.gateway.http.paging import Json


def user_json(user: pb.User) -> Json:
    """Return OpenAI's `organization.user`."""
    return {
        "object": "organization.user",
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "added_at": user.added_at.seconds,
    }


def member_json(member: pb.Member) -> Json:
    """Return OpenAI's `organization.project.user`."""
    return {
        "object": "organization.project.user",
        "id": member.user.id,
        "name": member.user.name,
        "email": member.user.email,
        "role": member.role,
        "added_at": member.added_at.seconds,
    }


def invite_json(invite: pb.Invite, now: int) -> Json:
    """Return OpenAI's `organization.invite` as it stands at `now`, in Unix seconds."""
    accepted = seconds(invite, "accepted_at")
    ended = "expired" if invite.expires_at.seconds <= now else "pending"
    return {
        "object": "organization.invite",
        "id": invite.id,
        "email": invite.email,
        "role": invite.role,
        "status": ended if accepted is None else "accepted",
        "created_at": invite.created_at.seconds,
        "expires_at": invite.expires_at.seconds,
        "accepted_at": accepted,
        "projects": [{"id": p.id, "role": p.role} for p in invite.projects],
    }


def audit_json(entry: pb.AuditEntry) -> Json:
    """Return OpenAI's `audit_log`: what the type has to tell is under the type's name."""
    details = json.loads(entry.details)
    # OpenAI's words: what was made has `data`, what was changed `changes_requested`.
    verb = entry.type.rpartition(".")[2]
    slot = "changes_requested" if verb == "updated" else "data"
    return {
        "object": "organization.audit_log",
        "id": entry.id,
        "type": entry.type,
        "effective_at": entry.effective_at.seconds,
        "project": (
            {"id": entry.project_id, "name": entry.project_name} if entry.project_id else None
        ),
        "actor": _actor_json(entry),
        entry.type: {"id": entry.resource_id, **({slot: details} if details else {})},
    }


def _actor_json(entry: pb.AuditEntry) -> Json | None:
    if not entry.actor_key_id:
        return None
    key: Json = {"id": entry.actor_key_id}
    if entry.actor_service_account_id:
        key |= {
            "type": "service_account",
            "service_account": {"id": entry.actor_service_account_id},
        }
    else:
        user = {"id": entry.actor_user_id, "email": entry.actor_user_email}
        key |= {"type": "user", "user": user}
    # OpenAI tells the address of a session; here it is the key's use that has one.
    session: Json = {"ip_address": entry.actor_ip_address or None}
    session["user_agent"] = entry.actor_user_agent or None
    return {"type": "api_key", "api_key": key, "session": session}
