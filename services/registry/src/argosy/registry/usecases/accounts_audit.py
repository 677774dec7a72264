"""Shows the audit log. Nothing changes it but the changes that it tells of."""

from __future__ import annotations

from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.accounts_audit import AuditEntry, AuditFilter
from argosy.registry.domain.audit_words import check_types
from argosy.registry.store import accounts_audit
from argosy.registry.usecases.accounts_desk import Desk, known, page_of


class AuditLog:
    """The use case."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(
        self, after: str, before: str, limit: int, which: AuditFilter
    ) -> tuple[list[AuditEntry], bool]:
        """Return a page of entries, newest first; raises NotFound for an unknown id, RuleBroken."""
        check_types(which.types)
        if after and before:
            raise InvalidRequest("Send 'after' or 'before', not both.", param="before")
        page = page_of(after, limit, ascending=False)
        async with self._desk.look() as connection:
            found = await accounts_audit.page(connection, page, which, before)
        return known(found, "audit log", after or before, param="before" if before else "after")
