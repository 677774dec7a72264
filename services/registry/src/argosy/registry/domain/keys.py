"""API keys: what is kept of a secret. The secret itself and the pepper are kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from argosy.registry.domain.limits import NO_LIMITS, Limits, Priority
from argosy.registry.domain.rules import RuleBroken

# Enough to tell one's keys apart in a list, far too little to guess the rest.
_PREFIX_CHARACTERS: Final = 8
_MADE_PREFIX: Final = len("sk-argosy-") + 4
_MADE_SUFFIX: Final = 4

# A minute to ten years.
MIN_EXPIRY_SECONDS: Final = 60
MAX_EXPIRY_SECONDS: Final = 10 * 366 * 86_400
# The longest that work on a project's behalf may take with one key: a week.
MAX_TASK_SECONDS: Final = 7 * 86_400


class Origin(StrEnum):
    """Who made a key, and so who may take it away."""

    CATALOG = "catalog"
    API = "api"
    # Made by a service for work of its own; lists do not show it.
    TASK = "task"


class AdminRole(StrEnum):
    """What a key may do in the admin API."""

    NONE = ""
    READER = "reader"
    OWNER = "owner"


class ProjectRole(StrEnum):
    """What a key may do in its project, by the role of whose it is."""

    READER = "reader"
    MEMBER = "member"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `digest` is 32 bytes, `prefix` and `suffix` the secret's public ends.

    `project_id` is empty for a key of the admin API alone; `service_account_id` is empty for a
    person's key.
    """

    id: str
    digest: bytes
    prefix: str
    project_id: str
    name: str
    suffix: str = ""
    admin_role: AdminRole = AdminRole.NONE
    user_id: str = ""
    service_account_id: str = ""
    expires_at: datetime | None = None
    origin: Origin = Origin.CATALOG
    limits: Limits = NO_LIMITS
    priority: Priority = Priority.DEFAULT
    project_role: ProjectRole = ProjectRole.MEMBER

    @property
    def redacted(self) -> str:
        """The secret as it may be shown."""
        return f"{self.prefix}...{self.suffix}"


def roles(key: Key, *, of_account: str | None, of_user: str | None, in_project: str | None) -> Key:
    """Return the key with what it may do as of now: never more than whose it is.

    The roles are those of its service account, of its user in the organization, and of that user in
    the key's project; None where there is none. A user of the organization who is not in the
    project looks on as a reader of the organization, and takes part as an owner of it.
    """
    admin = key.admin_role
    if of_user == "reader" and admin is AdminRole.OWNER and not key.service_account_id:
        admin = AdminRole.READER
    role = ProjectRole.MEMBER
    if key.service_account_id:
        if of_account == "owner":
            role = ProjectRole.OWNER
    elif in_project is not None:
        role = ProjectRole(in_project)
    elif of_user == "reader":
        role = ProjectRole.READER
    return replace(key, admin_role=admin, project_role=role)


def digest(pepper: bytes, secret: str) -> bytes:
    """Return HMAC-SHA256(pepper, secret): of no use to a reader of the database."""
    return hmac.new(pepper, secret.encode(), hashlib.sha256).digest()


def public_prefix(secret: str) -> str:
    """Return the beginning of `secret` that may be shown; never more than a third of it."""
    return secret[: min(_PREFIX_CHARACTERS, len(secret) // 3)]


def public_ends(secret: str) -> tuple[str, str]:
    """Return what may be shown of a secret that `ids.new_key_secret` made: beginning and end."""
    return secret[:_MADE_PREFIX], secret[-_MADE_SUFFIX:]


def expiry(now: datetime, seconds: int) -> datetime | None:
    """Return when a key that lives `seconds` ends; None for 0. Raises RuleBroken."""
    if seconds == 0:
        return None
    if not MIN_EXPIRY_SECONDS <= seconds <= MAX_EXPIRY_SECONDS:
        raise RuleBroken(
            f"expires_in_seconds must be between {MIN_EXPIRY_SECONDS} and {MAX_EXPIRY_SECONDS} "
            "(ten years). Leave it out for a key that does not expire.",
            param="expires_in_seconds",
        )
    return now + timedelta(seconds=seconds)
