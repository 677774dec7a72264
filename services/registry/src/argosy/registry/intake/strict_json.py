"""JSON as intake takes it: UTF-8, each key once, no NaN, bounded depth and numbers.

Two readers of the same bytes must not see two things. A key given twice, a number that one reader
rounds and another refuses, or half a surrogate pair are where readers differ, so they are refused.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from argosy.registry.intake.problems import Problem

_MAX_DEPTH: Final = 64
# 64-bit integers have at most 19 digits and a sign.
_MAX_INTEGER_CHARACTERS: Final = 20


def parse(raw: bytes) -> Any:
    """Return the value that `raw` holds; raises Problem. `raw` must be of bounded size."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("", f"byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Problem("", f"not valid JSON at character {error.pos + 1}: {error.msg}") from None
    except RecursionError:
        raise Problem("", _TOO_DEEP) from None
    _walk(value)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Problem("", "an object gives the same key twice")
    return found


def _constant(_name: str) -> Any:
    raise Problem("", "NaN and Infinity are not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Problem("", "a number is too large for a double")
    return value


def _int(text: str) -> int:
    if len(text) > _MAX_INTEGER_CHARACTERS:
        raise Problem("", "an integer has more digits than 64 bits hold")
    return int(text)


def _walk(value: Any) -> None:
    """Check depth and strings without recursion, one level of nesting at a time."""
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                for key in item:
                    _check_text(key)
                below.append(item.values())
            elif isinstance(item, list):
                below.append(item)
        if not below:
            return
        level = [item for container in below for item in container]
    raise Problem("", _TOO_DEEP)


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Problem("", "a string holds half a surrogate pair (\\ud800 to \\udfff)") from None


_TOO_DEEP: Final = f"nested more than {_MAX_DEPTH} levels deep"
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int
)
