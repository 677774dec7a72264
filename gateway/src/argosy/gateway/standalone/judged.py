"""The file as a worker needs it: settings, and what exists, as a process of its own has judged it.

Judging takes pydantic, which every worker's memory would feel (13 MB); so whoever judges ends, and
hands on plain values. Knows that process and what it tells. Does not know the file's form.
"""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from argosy.api.registry.v1.registry_pb2 import WatchResponse
from argosy.kit.addresses import HostPort

if TYPE_CHECKING:
    from argosy.gateway.settings import TrafficSettings

_SECONDS: Final = 60.0
# Status of a file with a mistake.
WRONG: Final = 2


class ConfigError(Exception):
    """The file cannot be used; the message says where and why, a line for each problem."""


class Told(msgspec.Struct):
    """What the process tells, as JSON: values by the settings' names, and messages of the watch."""

    workers: int
    usage_log: str | None
    addresses: dict[str, tuple[str, int]]
    paths: dict[str, str]
    secrets: dict[str, str]
    plain: dict[str, str | bool | int | float | None]
    entries: list[bytes]


@dataclass(frozen=True, slots=True)
class Secret:
    """What must not be shown; the part of pydantic's class of this kind that is used."""

    _value: str

    def get_secret_value(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('**********')"


@dataclass(frozen=True, slots=True)
class Judged:
    """A file without a mistake."""

    settings: TrafficSettings
    workers: int
    usage_log: Path | None
    _entries: list[bytes]

    def entries(self) -> Iterator[WatchResponse]:
        """Yield everything that exists, projects and pools before what names them."""
        return (WatchResponse.FromString(entry) for entry in self._entries)


def judge(path: Path, pepper: bytes, health: HostPort | None = None) -> Judged:
    """Have the file judged; `health` is the address of a worker that is one of several.

    Raises ConfigError.
    """
    command = [sys.executable, "-m", "argosy.gateway.standalone.judge", "--config", str(path)]
    if health is not None:
        command += ["--health", str(health)]
    try:
        done = subprocess.run(
            command, input=base64.b64encode(pepper), capture_output=True, timeout=_SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{path}: it was not judged within {_SECONDS:g} s") from None
    if done.returncode:
        raise ConfigError(done.stderr.decode("utf-8", "replace").rstrip("\n"))
    told = msgspec.json.decode(done.stdout, type=Told)
    values: dict[str, Any] = {
        **told.plain,
        **{name: HostPort(*address) for name, address in told.addresses.items()},
        **{name: Path(value) for name, value in told.paths.items()},
        **{name: Secret(value) for name, value in told.secrets.items()},
    }
    usage_log = None if told.usage_log is None else Path(told.usage_log)
    # The same names with values of the same types, without the class that judged them.
    settings = cast("TrafficSettings", SimpleNamespace(**values))
    return Judged(settings, told.workers, usage_log, told.entries)
