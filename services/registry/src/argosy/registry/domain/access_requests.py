"""A person who asks for access: who, for what, and what became of it. Knows no keys' secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from argosy.registry.domain.rules import RuleBroken

MAX_SCENARIO_CHARACTERS: Final = 2000
# More than anybody reads; beyond it nobody else may ask until some are decided.
MAX_PENDING: Final = 1000


class Status(StrEnum):
    """What became of a request."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One request. What was decided is empty while it is pending."""

    id: str
    email: str
    name: str
    company: str
    scenario: str
    status: Status
    created_at: datetime
    key_id: str
    key_digest: bytes
    key_prefix: str
    key_suffix: str
    decided_at: datetime | None = None
    user_id: str = ""
    project_id: str = ""
    role: str = ""
    reason: str = ""


def check_scenario(text: str, *, param: str = "scenario") -> str:
    """Return what somebody wrote, without spaces at its ends; raises RuleBroken."""
    stripped = text.strip()
    if not 1 <= len(stripped) <= MAX_SCENARIO_CHARACTERS or "\0" in stripped:
        raise RuleBroken(
            f"{param} must have 1 to {MAX_SCENARIO_CHARACTERS} characters, none of them NUL.",
            param=param,
        )
    return stripped
