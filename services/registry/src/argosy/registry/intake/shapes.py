"""Small checks of a parsed value's shape. Each raises Problem with the place and the rule."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from argosy.registry.intake.problems import Problem


def obj(value: Any, where: str) -> dict[str, Any]:
    """Return `value` if it is a JSON object."""
    if not isinstance(value, dict):
        raise Problem(where, "must be an object")
    return value


def non_empty_list(value: Any, where: str) -> list[Any]:
    """Return `value` if it is a list with at least one entry."""
    if not isinstance(value, list) or not value:
        raise Problem(where, "must be a non-empty list")
    return value


def text(value: Any, where: str) -> str:
    """Return `value` if it is a string; it may be empty."""
    if not isinstance(value, str):
        raise Problem(where, "must be a string")
    return value


def name(value: Any, where: str, *, limit: int) -> str:
    """Return `value` if it is a string of 1 to `limit` characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        raise Problem(where, f"must be a string of 1 to {limit} characters")
    return value


def boolean(value: Any, where: str) -> bool:
    """Return `value` if it is true or false."""
    if not isinstance(value, bool):
        raise Problem(where, "must be true or false")
    return value


def one_of(value: Any, allowed: tuple[str, ...], where: str) -> str:
    """Return `value` if it is one of the strings `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise Problem(where, f"must be {_either(allowed)}")
    return value


def only_keys(value: dict[str, Any], allowed: AbstractSet[str], where: str) -> None:
    """Check that an object has no key but the `allowed` ones."""
    if not value.keys() <= allowed:
        raise Problem(where, f"may only have the keys {', '.join(sorted(allowed))}")


def required(value: dict[str, Any], key: str, where: str) -> Any:
    """Return the value under `key`, which must be there."""
    if key not in value:
        raise Problem(where, f"has no {key}")
    return value[key]


def at(where: str, step: str | int) -> str:
    """Return the place one step below `where`."""
    if isinstance(step, int):
        return f"{where}[{step}]"
    return f"{where}.{step}" if where else step


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
