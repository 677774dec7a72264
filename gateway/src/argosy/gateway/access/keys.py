"""The check of an API key: one HMAC and one dictionary look-up, and not even that the second time.

Knows the `Authorization` header and the catalogue's digests. Every way to fail with a header gives
the same constant answer, which holds no part of the header, after the same steps.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from argosy.api import ids
from argosy.api.registry.v1.registry_pb2 import (
    PRIORITY_DEFAULT,
    PROJECT_ROLE_MEMBER,
    PROJECT_ROLE_READER,
    Key,
    Project,
)
from argosy.gateway.access import roles
from argosy.gateway.access.caller import Caller
from argosy.gateway.access.tokens import AccessTokens
from argosy.gateway.access.wrong_keys import WrongKeys
from argosy.gateway.catalog import Catalog
from argosy.kit.errors import PermissionDenied, Unauthenticated, Unavailable

__all__ = ["Authenticator", "Caller", "KeyFinder", "UnknownKey"]

# OpenAI's keys are below 200 characters; more is not a key and is not hashed.
_LONGEST_SECRET: Final = 512
_SCHEME: Final = b"bearer "
# Headers that are remembered; only those of keys that exist.
_REMEMBERED: Final = 4096

MISSING: Final = (
    "You didn't provide an API key. Send it in an Authorization header, as "
    "`Authorization: Bearer YOUR_KEY`."
)
WRONG: Final = "Incorrect API key provided. Ask the operator of this server for a key."


class UnknownKey(Unauthenticated):
    """The key has the form of ours and memory lacks it: it may have been made a moment ago."""

    def __init__(self, digest: bytes) -> None:
        super().__init__(WRONG, code="invalid_api_key")
        self.digest = digest


class KeyFinder(Protocol):
    """Where a key is asked for that memory lacks."""

    async def find(self, digest: bytes) -> bool:
        """Put the key into the catalogue and tell whether there is one; raises Unavailable."""


class Authenticator:
    """Tells who sends a request."""

    def __init__(
        self,
        catalog: Catalog,
        pepper: bytes,
        all_keys_known: Callable[[], bool],
        wrong_keys: WrongKeys | None = None,
        finder: KeyFinder | None = None,
        tokens: AccessTokens | None = None,
    ) -> None:
        """`all_keys_known` tells whether a key that the catalogue lacks does not exist.

        With a `finder` keys that were made a moment ago are asked for; with `tokens` these are
        taken in place of the keys that they were issued for.
        """
        self._catalog = catalog
        self._pepper = pepper
        self._all_keys_known = all_keys_known
        self._wrong_keys = wrong_keys
        self._finder = finder
        self._tokens = tokens
        self._remembered: dict[bytes, tuple[Caller, bytes, Key, Project | None]] = {}

    def identify(
        self, authorization: Sequence[bytes], peer: str = "", *, looks_on: bool = False
    ) -> Caller:
        """Return the caller by the values of all `Authorization` headers of the request.

        `peer` is the client's address; `looks_on` says that the request changes and uses nothing.
        Raises Unauthenticated, as UnknownKey where `find` may know more; RateLimited where the
        address has sent too many wrong keys; Unavailable where the key may exist but is not known
        here yet: an unknown key is refused for good only while the catalogue is up to date. Raises
        PermissionDenied for a key of the admin API alone, and for a reader's key that does not look
        on.
        """
        if len(authorization) == 1:
            known = self._remembered.get(authorization[0])
            if known is not None:
                caller, digest, key, project = known
                # The catalogue replaces what changes: the same objects mean that nothing has.
                if (
                    self._catalog.key(digest) is key
                    and self._catalog.project(caller.project_id) is project
                ):
                    if caller.project_role == PROJECT_ROLE_READER and not looks_on:
                        raise roles.reader()
                    return caller
                del self._remembered[authorization[0]]
        elif not authorization:
            raise Unauthenticated(MISSING, code="invalid_api_key")
        caller = self._check(authorization, peer)
        if not caller.project_id:
            raise PermissionDenied(
                "This is a key of the admin API and of no project. Send a project's key here.",
                code="admin_key_only",
            )
        if caller.project_role == PROJECT_ROLE_READER and not looks_on:
            raise roles.reader()
        return caller

    async def find(
        self,
        authorization: Sequence[bytes],
        peer: str = "",
        *,
        admin: bool = False,
        looks_on: bool = False,
    ) -> Caller:
        """Return the caller as `identify` does, after asking for a key that memory lacks.

        With `admin` a key of the admin API alone is taken too, and roles are the caller's to judge.
        Raises as `identify`.
        """

        def identify() -> Caller:
            if admin and authorization:
                return self._check(authorization, peer)
            return self.identify(authorization, peer, looks_on=looks_on)

        try:
            return identify()
        except UnknownKey as error:
            digest = error.digest
        if self._finder is None or not await self._finder.find(digest):
            raise self._refusal(peer)
        return identify()

    def _check(self, authorization: Sequence[bytes], peer: str) -> Caller:
        secret = _secret(authorization)
        if secret is None:
            raise self._refusal(peer)
        if self._tokens is not None and self._tokens.is_one(secret):
            issued_for = self._catalog.key_by_id(self._tokens.key_id(secret))
            if issued_for is None:
                raise self._refusal(peer)
            return _caller(issued_for, self._catalog.project(issued_for.project_id))
        digest = hmac.digest(self._pepper, secret, "sha256")
        key = self._catalog.key(digest)
        if key is None:
            if self._finder is not None and ids.is_key_secret(secret.decode("ascii")):
                raise UnknownKey(digest)
            if not self._all_keys_known():
                raise Unavailable(
                    "API keys cannot be checked right now. Try again in a few seconds.",
                    code="keys_unavailable",
                )
            raise self._refusal(peer)
        project = self._catalog.project(key.project_id)
        caller = _caller(key, project)
        if caller.project_id:
            self._remember(authorization[0], (caller, digest, key, project))
        return caller

    def _remember(self, header: bytes, known: tuple[Caller, bytes, Key, Project | None]) -> None:
        if len(self._remembered) >= _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[header] = known

    def _refusal(self, peer: str) -> Unauthenticated:
        """Return what a wrong key is told; raises RateLimited where there were too many."""
        if self._wrong_keys is not None:
            self._wrong_keys.sent(peer)
        return Unauthenticated(WRONG, code="invalid_api_key")


def _caller(key: Key, project: Project | None) -> Caller:
    return Caller(
        key_id=key.id,
        project_id=key.project_id,
        organization_slug=project.organization_slug if project else "",
        priority=key.priority or PRIORITY_DEFAULT,
        admin=key.admin,
        share=(project.share if project else 0) or 1.0,
        admin_role=key.admin_role,
        user_id=key.user_id,
        project_role=key.project_role or PROJECT_ROLE_MEMBER,
        spend_exhausted=project.spend_exhausted if project else False,
        stores_completions=project.stores_completions if project else False,
        key_limits=key.limits if key.HasField("limits") else None,
        project_limits=project.limits if project and project.HasField("limits") else None,
        model_limits=dict(project.model_limits) if project and project.model_limits else None,
    )


def _secret(authorization: Sequence[bytes]) -> bytes | None:
    """Return the bearer secret, or None if the header cannot hold one of our keys."""
    if len(authorization) != 1:
        return None
    value = authorization[0]
    if value[: len(_SCHEME)].lower() != _SCHEME:
        return None
    secret = value[len(_SCHEME) :].strip(b" ")
    printable = all(0x20 < byte < 0x7F for byte in secret[: _LONGEST_SECRET + 1])
    return secret if secret and len(secret) <= _LONGEST_SECRET and printable else None
