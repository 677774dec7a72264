"""Keeps projects apart in an engine's prefix cache: each has a salt of its own.

Without it, one project learns from the time to its first token whether another sent the same
prompt. The engine mixes the salt into the hash of each cached block. A salt is the hex digest of
HMAC-SHA256(secret, project id): always 64 characters of [0-9a-f], since an engine may crash on a
looser one (CVE-2026-105756); nobody without the secret can make another project's.

Knows projects' ids and JSON objects as bytes. Does not know which engines have a cache.
"""

from __future__ import annotations

import hmac
from typing import Final

FIELD: Final = "cache_salt"
_LABEL: Final = b"argosy cache salt v1"


def derived_secret(root: bytes) -> bytes:
    """Return a secret for salts made from another one, which it does not reveal."""
    return hmac.digest(root, _LABEL, "sha256")


class CacheSalts:
    """The salts of one gateway; all gateways before the same engines need the same `secret`."""

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("an empty secret would give salts that anyone can make")
        self._secret = secret
        # As many entries as projects: a caller's project is always one that exists.
        self._endings: dict[str, bytes] = {}

    def of(self, project_id: str) -> str:
        """Return a project's salt, 64 hex digits."""
        return hmac.digest(self._secret, project_id.encode(), "sha256").hex()

    def ending(self, project_id: str) -> bytes:
        """Return what takes the place of a JSON object's last brace to add the project's salt."""
        ending = self._endings.get(project_id)
        if ending is None:
            ending = b',"%b":"%b"}' % (FIELD.encode(), self.of(project_id).encode())
            self._endings[project_id] = ending
        return ending


def salted(body: bytes, ending: bytes) -> bytes:
    """Return a JSON object that has members, with the salt as its last one."""
    return body[:-1] + ending
