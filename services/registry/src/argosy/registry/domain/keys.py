"""API keys: what is kept of a secret. The secret itself and the pepper are kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
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


class Origin(StrEnum):
    """Who made a key, and so who may take it away."""

    CATALOG = "catalog"
    API = "api"


class AdminRole(StrEnum):
    """What a key may do in the admin API."""

    NONE = ""
    READER = "reader"
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

    @property
    def redacted(self) -> str:
        """The secret as it may be shown."""
        return f"{self.prefix}...{self.suffix}"


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
