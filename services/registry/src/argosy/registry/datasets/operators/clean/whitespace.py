"""Makes every kind of space the plain one, and every line break the same.

The many spaces of Unicode become U+0020, CR LF and the separators of lines become a line break.
How many there are stays: code and poems live by it.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from argosy.registry.datasets.operators.policy import Rewriting

_BREAK: Final = re.compile("\r\n?|[\u0085\u2028\u2029]")
_SPACE: Final = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


class ReplaceUniformWhitespace(Rewriting):
    """`replace_uniform_whitespace`."""

    NAME: ClassVar[str] = "replace_uniform_whitespace"

    def rewrite(self, text: str) -> str:
        """Return the text with plain spaces and line breaks."""
        return _SPACE.sub(" ", _BREAK.sub("\n", text))
