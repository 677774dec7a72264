"""Puts marks in the place of numbers that tell who somebody is.

    <ID>        Chinese identity numbers with a right check digit (GB 11643), US social security
    <CARD>      bank cards of 13 to 19 digits that pass Luhn's check
    <PHONE>     Chinese mobile and landline numbers, numbers with a country's code
    <PASSPORT>  Chinese passports and permits: a letter or two and seven or eight digits

A check digit keeps order numbers and the like from being taken for what they are not; where there
is none (phones, passports) some will be.
"""

from __future__ import annotations

import datetime
import re
from typing import ClassVar, Final

from argosy.registry.datasets.operators.desensitization.marking import Marking

ID: Final = "<ID>"
CARD: Final = "<CARD>"
PHONE: Final = "<PHONE>"
PASSPORT: Final = "<PASSPORT>"

_ALONE: Final = r"(?<![0-9A-Za-z])(?:{})(?![0-9A-Za-z])"
_CHINESE_ID: Final = re.compile(_ALONE.format(r"[1-9]\d{5}(?:18|19|20)\d{9}[\dXx]"), re.ASCII)
_SOCIAL_SECURITY: Final = re.compile(
    _ALONE.format(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}"), re.ASCII
)
_CARD: Final = re.compile(_ALONE.format(r"\d(?:[ -]?\d){12,18}"), re.ASCII)
_MOBILE: Final = re.compile(_ALONE.format(r"(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"), re.ASCII)
_LANDLINE: Final = re.compile(_ALONE.format(r"(?:\(0\d{2,3}\)|0\d{2,3}-)\d{7,8}"), re.ASCII)
_ABROAD: Final = re.compile(
    r"(?<![0-9A-Za-z+])\+[1-9]\d{0,2}(?:[ -]?\(?\d{2,4}\)?){2,4}(?![0-9A-Za-z])", re.ASCII
)
_PASSPORT: Final = re.compile(_ALONE.format(r"[EGDSPH]\d{8}|E[A-HJ-NP-Z]\d{7}"), re.ASCII)

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"


class ReplaceIdentifier(Marking):
    """`replace_identifier`."""

    NAME: ClassVar[str] = "replace_identifier"

    def rewrite(self, text: str) -> str:
        """Return the text without such numbers."""
        text = _CHINESE_ID.sub(lambda m: ID if is_chinese_id(m[0]) else m[0], text)
        text = _SOCIAL_SECURITY.sub(ID, text)
        for phone in (_MOBILE, _LANDLINE, _ABROAD):
            text = phone.sub(PHONE, text)
        text = _CARD.sub(lambda m: CARD if is_card(m[0]) else m[0], text)
        return _PASSPORT.sub(PASSPORT, text)


def is_chinese_id(number: str) -> bool:
    """Tell whether the date exists and the check digit is right."""
    try:
        datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECKS[total % 11] == number[17].upper()


def is_card(text: str) -> bool:
    """Tell whether the digits pass Luhn's check; one digit repeated is no card."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
