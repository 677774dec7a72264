"""A new key: made at the registry, and known to this gateway before its secret is shown."""

from __future__ import annotations

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.catalog import Catalog
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.gateway.upstream.key_lookup import KeyLookup


class KeyDesk:
    """Makes and ends keys, so that what was answered holds on this gateway at once."""

    def __init__(self, accounts: AccountsClient, lookup: KeyLookup, catalog: Catalog) -> None:
        self._accounts = accounts
        self._lookup = lookup
        self._catalog = catalog

    async def make(self, asked: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
        """Return the key with its secret; raises what the registry raises."""
        made = await self._accounts.ask(self._accounts.accounts.CreateKey, asked)
        self._lookup.learn(made.entry, made.project if made.HasField("project") else None)
        return made

    async def end(self, asked: pb.DeleteKeyRequest) -> None:
        """Revoke a key; raises what the registry raises."""
        await self._accounts.ask(self._accounts.accounts.DeleteKey, asked)
        self._catalog.forget_key(asked.key_id)
