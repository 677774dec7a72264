"""Every event of the audit log is in docs/accounts.md."""

from __future__ import annotations

import re

from argosy.registry.domain.accounts_audit import AuditType

from tests.docs import sources


def test_every_audit_event_is_documented() -> None:
    text = (sources.DOCS / "accounts.md").read_text("utf-8")
    table = text.partition("\n## The audit log\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", table, re.M)) == {
        each.value for each in AuditType
    }
