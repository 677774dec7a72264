"""Programs of one's own that train: which the operator offers, and what a job may tell one.

A job names a program; what that runs, only the operator says. Knows no files and no processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from argosy.api.records import CUSTOM
from argosy.trainer.domain.parameters.parameter import BadParameter

_FIELD: Final = "argosy.program"
_KEYS: Final = ("name", "settings")
_LARGEST_SETTINGS: Final = 16_384


@dataclass(frozen=True, slots=True)
class Program:
    """`command` without the run's folder, which comes last. `text` is for its users."""

    command: tuple[str, ...]
    text: str = ""


def check(method: str, asked: Mapping[str, Any] | None, offered: Mapping[str, Program]) -> None:
    """Judge what a job says of a program. Raises `BadParameter` that names the field."""
    if method != CUSTOM:
        if asked is not None:
            raise BadParameter(
                _FIELD,
                f"'{_FIELD}' means nothing for the method '{method}'. Leave it out, or set "
                f"'argosy.method' to '{CUSTOM}'.",
            )
        return
    chosen(asked, offered)
    for key in asked or {}:
        if key not in _KEYS:
            raise BadParameter(
                f"{_FIELD}.{key[:64]}",
                f"Unknown parameter: '{_FIELD}.{key[:64]}'. A program has a 'name', and 'settings' "
                "of its own.",
            )
    _check_settings((asked or {}).get("settings", {}))


def chosen(asked: Mapping[str, Any] | None, offered: Mapping[str, Program]) -> Program:
    """Return the program that a job names. Raises `BadParameter` with those that there are."""
    if not offered:
        raise BadParameter(
            "argosy.method",
            "This server runs no programs of its users' own. Its operator offers some with "
            "ARGOSY_TRAINING_PROGRAMS; or choose another method of GET /v1/fine_tuning/methods.",
        )
    name = None if asked is None else asked.get("name")
    found = offered.get(name) if isinstance(name, str) else None
    if found is not None:
        return found
    there = ", ".join(sorted(offered))
    said = f"There is no program '{name[:64]}'" if isinstance(name, str) else "Name a program"
    raise BadParameter(
        f"{_FIELD}.name",
        f"{said} in '{_FIELD}.name'. This server's operator offers: {there}.",
    )


def _check_settings(settings: object) -> None:
    field = f"{_FIELD}.settings"
    if not isinstance(settings, dict):
        raise BadParameter(field, f"'{field}' must be an object; leave it out for none.")
    text = json.dumps(settings, ensure_ascii=False)
    if len(text.encode()) > _LARGEST_SETTINGS:
        raise BadParameter(
            field,
            f"'{field}' takes {len(text.encode()):,} bytes as JSON, but may take "
            f"{_LARGEST_SETTINGS:,}. What is larger belongs into a file that the program reads.",
        )
    # PostgreSQL keeps no NUL in a text.
    if any("\0" in each for each in _texts(settings)):
        raise BadParameter(field, f"'{field}' holds NUL. Leave that character out.")


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, each in value.items():
                yield from (name, *_texts(each))
        case list():
            for each in value:
                yield from _texts(each)
