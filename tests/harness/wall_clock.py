"""The wall clock of single processes, moved while they run; monotonic time goes on as it was.

The processes are ours as they are: a preloaded library answers for the kernel (`wall_clock.c`). It
needs a C compiler.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """One clock that several processes may share; start them with `environment`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f"{name}.clock"
        self._library = folder / "wall_clock.so"
        self.move(0)
        if not self._library.exists():
            found = shutil.which("cc") or shutil.which("gcc")
            assert found is not None, "the tests need a C compiler: install gcc"
            command = [found, "-O1", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE)]
            subprocess.run(command, check=True, capture_output=True, timeout=60)

    @property
    def environment(self) -> dict[str, str]:
        """What a process must be started with."""
        return {"LD_PRELOAD": str(self._library), "ARGOSY_TEST_CLOCK": str(self._file)}

    def move(self, seconds: int) -> None:
        """Show the true time and `seconds` more from now on."""
        # In place: the processes have the file mapped.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
