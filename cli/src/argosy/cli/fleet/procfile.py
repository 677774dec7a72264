"""The list of processes: one `name: command` a line, as in a Heroku Procfile.

Knows the file's form. A command is split into words as a shell does, then `${NAME}` in each word
is replaced; a word that is nothing but one `${NAME}` becomes as many words as its value has. No
shell runs: `|`, `>` and `$(…)` mean nothing here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.cli.errors import UsageError

Variables = Mapping[str, str | Sequence[str]]

_LINE: Final = re.compile(r"(?P<name>[a-z][a-z0-9-]*):\s*(?P<command>\S.*)")
_VARIABLE: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def parse(text: str, source: str = "Procfile") -> dict[str, str]:
    """Return the commands by name, in the file's order. Raises `UsageError` with the line."""
    commands: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise UsageError(
                f"{source}, line {number}: {line!r} is not `name: command`; a name has small "
                "letters, digits and hyphens."
            )
        if match["name"] in commands:
            raise UsageError(f"{source}, line {number}: {match['name']} is listed twice.")
        commands[match["name"]] = match["command"]
    if not commands:
        raise UsageError(f"{source} lists no process.")
    return commands


def read(path: Path) -> dict[str, str]:
    """Read and parse the file. Raises `UsageError`."""
    try:
        return parse(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"The list of processes cannot be read: {error}") from error


def expand(command: str, variables: Variables) -> tuple[str, ...]:
    """Return the words of `command` with every `${NAME}` replaced. Raises `UsageError`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"The command {command!r} cannot be split: {error}.") from error
    expanded: list[str] = []
    for word in words:
        whole = _VARIABLE.fullmatch(word)
        if whole is not None:
            value = _lookup(whole[1], variables)
            expanded.extend([value] if isinstance(value, str) else value)
        else:
            expanded.append(_VARIABLE.sub(lambda m: _text(m[1], variables), word))
    return tuple(expanded)


def _lookup(name: str, variables: Variables) -> str | Sequence[str]:
    try:
        return variables[name]
    except KeyError:
        known = ", ".join(sorted(variables))
        raise UsageError(f"The Procfile uses ${{{name}}}; known here are: {known}.") from None


def _text(name: str, variables: Variables) -> str:
    value = _lookup(name, variables)
    return value if isinstance(value, str) else shlex.join(value)
