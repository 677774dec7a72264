"""API keys: what is kept of a secret. The secret itself and the pepper are kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

# Enough to tell one's keys apart in a list, far too little to guess the rest.
_PREFIX_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `digest` is 32 bytes, `prefix` the secret's public beginning."""

    id: str
    digest: bytes
    prefix: str
    project_id: str
    name: str


def digest(pepper: bytes, secret: str) -> bytes:
    """Return HMAC-SHA256(pepper, secret): of no use to a reader of the database."""
    return hmac.new(pepper, secret.encode(), hashlib.sha256).digest()


def public_prefix(secret: str) -> str:
    """Return the beginning of `secret` that may be shown; never more than a third of it."""
    return secret[: min(_PREFIX_CHARACTERS, len(secret) // 3)]
