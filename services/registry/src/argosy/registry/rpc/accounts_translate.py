"""Between the words of accounts and the messages of accounts.proto."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Final

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import registry_pb2
from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.accounts import Invite, Member, ProjectRecord, ServiceAccount, User
from argosy.registry.domain.accounts_audit import Actor
from argosy.registry.domain.keys import AdminRole
from argosy.registry.domain.limits import Limits, Priority
from argosy.registry.rpc.translate import ADMIN_ROLES, PRIORITIES, limits, timestamp
from argosy.registry.store.accounts_keys import KeyRecord
from google.protobuf.timestamp_pb2 import Timestamp

_ADMIN_ROLES_FROM_PROTO: Final[dict[int, AdminRole]] = {
    number: role for role, number in ADMIN_ROLES.items()
}

_PRIORITIES_FROM_PROTO: Final[dict[int, Priority]] = {
    number: priority for priority, number in PRIORITIES.items()
}


def actor(message: pb.Actor) -> Actor:
    """Return who asks for a change; raises InvalidRequest where nobody is named."""
    if not message.key_id:
        raise InvalidRequest("The call does not say whose it is.", param="actor")
    return Actor(message.key_id, message.ip_address, message.user_agent)


def admin_role(number: int) -> AdminRole:
    """Return the role of that number; one that is not known here is none."""
    return _ADMIN_ROLES_FROM_PROTO.get(number, AdminRole.NONE)


def limits_of(message: registry_pb2.Limits) -> Limits:
    """Return the limits that a message tells; those it leaves out are none."""
    return Limits(**{limit.name: getattr(message, limit.name) for limit in fields(Limits)})


def priority_of(number: int) -> Priority | None:
    """Return the priority of that number; None where none is told."""
    return _PRIORITIES_FROM_PROTO.get(number)


def project(value: ProjectRecord) -> pb.ProjectRecord:
    """Return a project's message."""
    return pb.ProjectRecord(
        id=value.id,
        name=value.name,
        created_at=timestamp(value.created_at),
        archived_at=_moment(value.archived_at),
        limits=limits(value.limits),
        share=value.share,
        stores_completions=value.stores_completions,
    )


def service_account(value: ServiceAccount) -> pb.ServiceAccount:
    """Return a service account's message."""
    return pb.ServiceAccount(
        id=value.id,
        project_id=value.project_id,
        name=value.name,
        role=value.role,
        created_at=timestamp(value.created_at),
    )


def user(value: User) -> pb.User:
    """Return a user's message."""
    return pb.User(
        id=value.id,
        email=value.email,
        name=value.name,
        role=value.role,
        added_at=timestamp(value.added_at),
    )


def member(value: Member) -> pb.Member:
    """Return the message of a user's part in a project."""
    return pb.Member(
        project_id=value.project_id,
        user=user(value.user),
        role=value.role,
        added_at=timestamp(value.added_at),
    )


def key(value: KeyRecord) -> pb.KeyRecord:
    """Return a key's message, without digest and secret."""
    return pb.KeyRecord(
        id=value.key.id,
        project_id=value.key.project_id,
        name=value.key.name,
        redacted_value=value.key.redacted,
        created_at=timestamp(value.created_at),
        expires_at=_moment(value.key.expires_at),
        admin_role=ADMIN_ROLES[value.key.admin_role],
        service_account=(
            None if value.service_account is None else service_account(value.service_account)
        ),
        user=None if value.user is None else user(value.user),
        limits=limits(value.key.limits),
        priority=PRIORITIES[value.key.priority],
    )


def invite(value: Invite) -> pb.Invite:
    """Return an invitation's message."""
    return pb.Invite(
        id=value.id,
        email=value.email,
        role=value.role,
        projects=[pb.InviteProject(id=i, role=role) for i, role in value.projects],
        created_at=timestamp(value.created_at),
        expires_at=timestamp(value.expires_at),
        accepted_at=_moment(value.accepted_at),
    )


def _moment(value: datetime | None) -> Timestamp | None:
    return None if value is None else timestamp(value)
