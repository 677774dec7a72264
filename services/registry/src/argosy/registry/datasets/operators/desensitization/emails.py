"""Puts `<EMAIL>` in the place of addresses of electronic mail."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from argosy.registry.datasets.operators.desensitization.marking import Marking

MARK: Final = "<EMAIL>"
# What people write, not all that RFC 5322 allows: dots and pluses, a domain with a dot.
_EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9_.+-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)


class ReplaceEmails(Marking):
    """`replace_emails`."""

    NAME: ClassVar[str] = "replace_emails"

    def rewrite(self, text: str) -> str:
        """Return the text without addresses."""
        return _EMAIL.sub(MARK, text) if "@" in text else text
