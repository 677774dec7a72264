"""Removes what the web left in a text: tags, comments, scripts, character references, URLs.

Line breaks that tags stood for stay line breaks. A lone `<`, as in `a < b`, is no tag.
"""

from __future__ import annotations

import html
import re
from typing import ClassVar, Final

from argosy.registry.datasets.operators.policy import Rewriting

_CODE: Final = re.compile(r"<(script|style)\b[^>]*>.*?</\1\s*>|<!--.*?-->", re.I | re.S)
_BREAKS: Final = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\s*/?>", re.I)
_NAMES: Final = (
    "a|abbr|article|aside|b|blockquote|body|button|center|code|dd|div|dl|dt|em|fieldset|figure|"
    "font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|"
    "ol|option|p|pre|s|section|select|small|span|strong|sub|sup|svg|table|tbody|td|textarea|tfoot|"
    "th|thead|title|tr|u|ul|video"
)
_TAG: Final = re.compile(rf"</?(?:{_NAMES})(?:\s[^<>]*)?/?>", re.I)
_URL: Final = re.compile(
    r"(?:https?|ftp)://[^\s<>\"'，。；！？、）】》]+|\bwww\.[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s<>\"'，。；！？、）】》]*",
    re.I,
)


class RemoveWebIdentifiers(Rewriting):
    """`remove_web_identifiers`."""

    NAME: ClassVar[str] = "remove_web_identifiers"

    def rewrite(self, text: str) -> str:
        """Return the text without marks of the web."""
        text = _CODE.sub("", text)
        text = _TAG.sub("", _BREAKS.sub("\n", text))
        return html.unescape(_URL.sub("", text))
