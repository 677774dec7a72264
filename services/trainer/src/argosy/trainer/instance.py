"""Which supervisor this is: one at a time for each run root, the same again after a restart.

Knows a lock and a name in the run root. Does not know jobs.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
from collections.abc import Iterator
from pathlib import Path


class RunRootTaken(Exception):
    """Another supervisor uses the folder."""


@contextlib.contextmanager
def claim(run_root: Path) -> Iterator[str]:
    """Hold the run root for the time of the block; yield this supervisor's lasting name.

    The kernel gives the lock back when the process ends, however it ends. So who has it knows
    that whatever ran under the same name before is gone. Raises `RunRootTaken` and OSError.
    """
    run_root.mkdir(parents=True, exist_ok=True)
    with (run_root / ".supervisor").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunRootTaken(
                f"Another trainer runs in {run_root}. Stop it, or set ARGOSY_RUN_ROOT to a "
                "folder of this one's own."
            ) from None
        file.seek(0)
        name = file.read().strip()
        if not name:
            name = f"trainer-{secrets.token_hex(8)}"
            file.write(name)
            file.flush()
        yield name
