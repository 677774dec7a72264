"""Checks of one parameter's value, in OpenAI's words. Knows types and bounds, no parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from argosy.gateway.errors import echo
from argosy.kit.errors import InvalidRequest

# Called with the parameter's full name and its decoded value, which is never null.
Check = Callable[[str, object], None]

_KINDS: Final[dict[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def wrong_type(name: str, expected: str, value: object) -> InvalidRequest:
    """Return the error for a value of the wrong JSON type."""
    return InvalidRequest(
        f"Invalid type for '{name}': expected {expected}, but got {_KINDS[type(value)]} instead.",
        param=name,
        code="invalid_type",
    )


def wrong_value(name: str, why: str, code: str = "invalid_value") -> InvalidRequest:
    """Return the error for a value that is of the right type and not allowed."""
    return InvalidRequest(f"Invalid '{name}': {why}", param=name, code=code)


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`."""

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(name, "a decimal number", value)
        if value < low:
            raise wrong_value(
                name,
                f"decimal below minimum value. Expected a value >= {low:g}, but got {value} "
                "instead.",
                "decimal_below_min_value",
            )
        if value > high:
            raise wrong_value(
                name,
                f"decimal above maximum value. Expected a value <= {high:g}, but got {value} "
                "instead.",
                "decimal_above_max_value",
            )

    return check


def integer(low: int, high: int) -> Check:
    """An integer from `low` to `high`."""

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(name, "an integer", value)
        if value < low:
            raise wrong_value(
                name,
                f"integer below minimum value. Expected a value >= {low}, but got {value} instead.",
                "integer_below_min_value",
            )
        if value > high:
            raise wrong_value(
                name,
                f"integer above maximum value. Expected a value <= {high}, but got "
                f"{value} instead.",
                "integer_above_max_value",
            )

    return check


def boolean(name: str, value: object) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)


def text(longest: int) -> Check:
    """A string of at most `longest` characters."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        if len(value) > longest:
            raise wrong_value(
                name,
                f"string too long. Expected a string with maximum length {longest}, but got a "
                f"string with length {len(value)} instead.",
                "string_above_max_length",
            )

    return check


def one_of(*allowed: str) -> Check:
    """One of some strings."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        if value not in allowed:
            shown = ", ".join(f"'{word}'" for word in allowed)
            raise wrong_value(
                name, f"'{echo(value)}' is not supported. Supported values are: {shown}."
            )

    return check


def array(item: Check, *, most: int, least: int = 0) -> Check:
    """An array of `least` to `most` values that pass `item`."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, list):
            raise wrong_type(name, "an array", value)
        if len(value) < least:
            raise wrong_value(
                name,
                f"array too short. Expected an array with minimum length {least}, but got an "
                f"array with length {len(value)} instead.",
                "array_below_min_length",
            )
        if len(value) > most:
            raise wrong_value(
                name,
                f"array too long. Expected an array with maximum length {most}, but got an array "
                f"with length {len(value)} instead.",
                "array_above_max_length",
            )
        for index, entry in enumerate(value):
            item(f"{name}[{index}]", entry)

    return check


def either(expected: str, by_type: Mapping[type, Check]) -> Check:
    """One of several JSON types, each with its own check."""

    def check(name: str, value: object) -> None:
        inner = by_type.get(type(value))
        if inner is None:
            raise wrong_type(name, expected, value)
        inner(name, value)

    return check


def mapping(key: Callable[[str], bool], item: Check, *, most: int) -> Check:
    """An object of at most `most` entries whose keys and values pass."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, dict):
            raise wrong_type(name, "an object", value)
        if len(value) > most:
            raise wrong_value(name, f"too many entries. Expected at most {most}.")
        for entry, inner in value.items():
            if not key(entry):
                raise wrong_value(name, f"the key '{echo(entry)}' is not allowed.")
            item(f"{name}.{entry}", inner)

    return check


def an_object(name: str, value: object) -> None:
    """Any object; the engine looks inside."""
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)


def anything(name: str, value: object) -> None:
    """Any value: it is not used."""
