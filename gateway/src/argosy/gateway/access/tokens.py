"""Access tokens: what an app gets for its key and secret, and shows in their place for a while.

A token says for which key it stands and until when, under an HMAC that only gateways can make: no
gateway has to remember it, and it dies with its key. Knows nothing of routes or of what a key may.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import parse_qs

from argosy.kit.clock import Clock

# Thirty days, which clients of the original expect.
LIFETIME_SECONDS: Final = 2_592_000

_PREFIX: Final = b"24."
_MARK: Final = b"argosy access token"


def of_query(query: bytes) -> list[bytes]:
    """Return the token of `access_token=…` as the `Authorization` header that it stands for.

    Only tokens are taken from a query: what is in a URL is in logs, and tokens end by themselves.
    """
    found = parse_qs(query).get(b"access_token", [])
    return [b"Bearer " + token for token in found if AccessTokens.is_one(token)]


class AccessTokens:
    """Issues and reads tokens. `pepper` is the gateways' common secret and never leaves it."""

    def __init__(self, pepper: bytes, clock: Clock) -> None:
        # A key of its own: what is signed here can never pass for the digest of a secret.
        self._secret = hmac.digest(pepper, _MARK, "sha256")
        self._clock = clock

    def issue(self, key_id: str) -> str:
        """Return a token for the key that works for LIFETIME_SECONDS."""
        until = int(self._clock.now().timestamp()) + LIFETIME_SECONDS
        signed = _PREFIX + b"%s.%d" % (_encoded(key_id.encode()), until)
        return (signed + b"." + self._mac(signed)).decode("ascii")

    @staticmethod
    def is_one(secret: bytes) -> bool:
        """Tell whether a bearer's secret has the form of a token and not that of a key."""
        return secret.startswith(_PREFIX) and secret.count(b".") == 3

    def key_id(self, token: bytes) -> str:
        """Return the id of the key that the token stands for; empty if it is wrong or over."""
        signed, _, mac = token.rpartition(b".")
        if not hmac.compare_digest(mac, self._mac(signed)):
            return ""
        _, name, until = signed.split(b".")
        if int(until) <= self._clock.now().timestamp():
            return ""
        return urlsafe_b64decode(name + b"=" * (-len(name) % 4)).decode()

    def _mac(self, signed: bytes) -> bytes:
        return _encoded(hmac.digest(self._secret, signed, "sha256"))


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
