"""Puts `<IP>` in the place of IPv4 and IPv6 addresses.

A version number of four parts looks like one and goes too. Times such as 10:30:00 do not.
"""

from __future__ import annotations

import ipaddress
import re
from typing import ClassVar, Final

from argosy.registry.datasets.operators.desensitization.marking import Marking

MARK: Final = "<IP>"
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4: Final = re.compile(
    rf"(?<![0-9A-Za-z.]){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9A-Za-z]|\.\d)", re.ASCII
)
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*(?![0-9A-Za-z])"
)


class ReplaceIp(Marking):
    """`replace_ip`."""

    NAME: ClassVar[str] = "replace_ip"

    def rewrite(self, text: str) -> str:
        """Return the text without addresses."""
        if ":" in text:
            text = _IPV6.sub(_if_address, text)
        return _IPV4.sub(MARK, text)


def _if_address(match: re.Match[str]) -> str:
    found = match[0]
    address = found.rstrip(".")
    # `::` alone is punctuation of programs.
    if not any(character in "0123456789abcdefABCDEF" for character in address):
        return found
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return found
    return MARK + found[len(address) :]
