"""Projects, service accounts and people: what they are, and what may be said of them.

Knows the rules for names, addresses and roles. Does not know keys' secrets (`keys`), nor what a
project may spend (`accounts_budgets`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from argosy.registry.domain.limits import NO_LIMITS, Limits
from argosy.registry.domain.rules import RuleBroken

MAX_NAME_CHARACTERS: Final = 128
# More than anybody uses, and sums of it stay within 64 bits.
MAX_LIMIT: Final = 10**15
MAX_SHARE: Final = 1000.0
# RFC 5321, 4.5.3.1.3: a path has 256 octets with its brackets.
MAX_EMAIL_CHARACTERS: Final = 254

ORGANIZATION_ROLES: Final = ("owner", "reader")
PROJECT_ROLES: Final = ("owner", "member")
SERVICE_ACCOUNT_ROLES: Final = ("owner", "member", "none")

# Who owns what the catalogue file and the first start made.
OPERATOR_ID: Final = "user-operator"
OPERATOR_EMAIL: Final = "operator@localhost"

# Not the whole of RFC 5322: what people have, and nothing that a mail program reads otherwise.
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project as its administrators see it."""

    id: str
    name: str
    created_at: datetime
    archived_at: datetime | None = None
    limits: Limits = NO_LIMITS
    share: float = 1.0
    stores_completions: bool = False


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Something in a project that is no person and has keys. A role `none` has no access."""

    id: str
    project_id: str
    name: str
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """A person of the organization."""

    id: str
    email: str
    name: str
    role: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A person's part in a project."""

    project_id: str
    user: User
    role: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation; `projects` are pairs of project id and role."""

    id: str
    email: str
    role: str
    projects: tuple[tuple[str, str], ...]
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


def check_name(name: str, *, param: str = "name") -> str:
    """Return a name for people to read, without spaces at its ends; raises RuleBroken."""
    stripped = name.strip()
    if not 1 <= len(stripped) <= MAX_NAME_CHARACTERS:
        raise RuleBroken(f"{param} must have 1 to {MAX_NAME_CHARACTERS} characters.", param=param)
    if any(unicodedata.category(c) in _UNPRINTABLE for c in stripped):
        raise RuleBroken(
            f"{param} holds control characters. Send printable characters only.", param=param
        )
    return stripped


def check_email(email: str) -> str:
    """Return an address in lower case, since one person must not be two; raises RuleBroken."""
    if len(email) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(email):
        raise RuleBroken(
            "email must be an address such as name@example.com, of at most "
            f"{MAX_EMAIL_CHARACTERS} characters.",
            param="email",
        )
    return email.lower()


def check_limits(limits: Limits) -> Limits:
    """Return limits, none of them negative or beyond reason; raises RuleBroken."""
    for limit in fields(limits):
        value = getattr(limits, limit.name)
        if not 0 <= value <= MAX_LIMIT:
            raise RuleBroken(
                f"{limit.name} must be between 0, which is no limit, and {MAX_LIMIT}.",
                param=f"argosy.limits.{limit.name}",
            )
    return limits


def check_share(share: float) -> float:
    """Return a project's part of a busy pool; raises RuleBroken."""
    if not 0 < share <= MAX_SHARE:
        raise RuleBroken(
            f"share must be more than 0 and at most {MAX_SHARE:g}.", param="argosy.share"
        )
    return share


def check_role(role: str, allowed: Iterable[str], *, param: str = "role") -> str:
    """Return `role` if it is one of `allowed`; raises RuleBroken that lists them."""
    names = tuple(allowed)
    if role not in names:
        raise RuleBroken(f"{param} must be one of: {', '.join(names)}.", param=param)
    return role
