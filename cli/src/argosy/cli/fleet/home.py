"""The home: the one folder that holds all state of a fleet, and the lock that says who runs it.

Knows paths and file modes. Does not know processes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argosy.cli.errors import FleetError, UsageError
from argosy.kit.processes import start_time

# A look at the lock holds it for microseconds; a start must not mistake a look for a fleet.
_LOOK_SECONDS: Final = 0.5


class HomeInUse(FleetError):
    """Another supervisor holds the home's lock."""


@dataclass(frozen=True)
class Home:
    """The paths inside one home. `root` is absolute."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        """Return the home at `path`, which need not exist. Raises `UsageError` for a file."""
        root = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - keeps symbolic links
        if root.exists() and not root.is_dir():
            raise UsageError(f"--home {root} is a file; name a folder.")
        return cls(root)

    @property
    def state_file(self) -> Path:
        """What the supervisor says of itself and its processes."""
        return self.root / "fleet.json"

    @property
    def lock_file(self) -> Path:
        """Locked as long as a supervisor lives, however it ends."""
        return self.root / "fleet.lock"

    @property
    def credentials_file(self) -> Path:
        """Keys and passwords, readable by the owner only."""
        return self.root / "secrets.json"

    @property
    def catalog_file(self) -> Path:
        """What the registry seeds itself with."""
        return self.root / "catalog.toml"

    @property
    def targets_file(self) -> Path:
        """Where Prometheus finds the processes' metrics."""
        return self.root / "prometheus-targets.json"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """The log of one process; `fleet` is the supervisor itself."""
        return self.logs / f"{name}.log"

    def folder(self, name: str) -> Path:
        """Return a folder of the home, made if missing, closed to others."""
        path = self.root / name
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--home {self.root} cannot be used: {error}") from error
        return path

    def prepare(self) -> None:
        """Make the home and the folder of its logs. Raises `UsageError`."""
        self.folder(".")
        self.folder("logs")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home for the time of the block. Raises `HomeInUse`."""
        self.prepare()
        give_up = time.monotonic() + _LOOK_SECONDS
        with self.lock_file.open("a+") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise HomeInUse(f"A fleet already runs in {self.root}.") from None
                    time.sleep(0.02)
            file.truncate(0)
            file.write(f"{os.getpid()} {start_time(os.getpid()) or 0}\n")
            file.flush()
            yield

    def holder(self) -> int | None:
        """Return the pid of the supervisor that holds the home; None if nobody does."""
        if not self.in_use():
            return None
        try:
            pid, ticks = (int(word) for word in self.lock_file.read_text().split())
        except (OSError, ValueError):
            return None
        return pid if start_time(pid) in {ticks, None} else None

    def in_use(self) -> bool:
        """Tell whether a supervisor holds the home right now."""
        try:
            with self.lock_file.open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step by a file that only its owner may read."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - opens a descriptor
        file.write(text)
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file that `write_private` wrote; None if there is none."""
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None
