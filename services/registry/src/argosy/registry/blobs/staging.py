"""Where bytes lie until they are whole: one folder a process, emptied after a crash.

Several replicas may share one blob root, so a start must not remove what another replica is
writing. Each process holds a file lock on its own folder for as long as it lives; a folder whose
lock nobody holds belonged to a process that died. The lock goes with the process, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from pathlib import Path
from typing import Final

_LOCK: Final = ".lock"


class Staging:
    """This process's folder under `root`/staging. Must share a file system with the stores."""

    def __init__(self, root: Path) -> None:
        self._parent = root / "staging"
        self._parent.mkdir(parents=True, exist_ok=True)
        self._folder = self._parent / uuid.uuid4().hex
        self._folder.mkdir(mode=0o700)
        self._lock = _try_lock(self._folder / _LOCK)

    def new_path(self) -> Path:
        """Return a path in the folder that nothing has yet."""
        return self._folder / uuid.uuid4().hex

    def remove_abandoned(self) -> int:
        """Remove the folders of processes that are gone; returns how many there were."""
        removed = 0
        for folder in self._parent.iterdir():
            if folder == self._folder:
                continue
            try:
                lock = _try_lock(folder / _LOCK)
            except (BlockingIOError, FileNotFoundError):
                continue
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            removed += 1
        return removed

    def close(self) -> None:
        """Remove the folder and let go of its lock."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def _try_lock(path: Path) -> int:
    """Lock `path` for this process and return its descriptor; BlockingIOError if it is held."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable; a rename is safe only after this."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
