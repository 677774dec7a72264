"""Builds what a measurement needs: the two C programs, nginx and vllm-router.

Everything but nginx lands in a folder that git ignores. A rival that cannot be had is left out and
said so. Knows where programs come from, not how they are run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
CACHE: Final = ROOT / "build" / "bench"
RIVALS: Final = HERE / "rivals.txt"
_INSTALL_SECONDS: Final = 300.0


class BuildError(Exception):
    """A program that cannot be done without is missing; the message says how to get it."""


@dataclass(frozen=True)
class Programs:
    """Paths of what is there; None for a rival that is not."""

    mock: Path
    load: Path
    argosy: Path
    nginx: Path | None
    vllm_router: Path | None


def build(*, rivals: bool = True) -> Programs:
    """Build what is missing and return where it is. Raises BuildError for what must be there."""
    if shutil.which("taskset") is None:
        raise BuildError("there is no taskset: install it (on Debian: apt-get install util-linux)")
    CACHE.mkdir(parents=True, exist_ok=True)
    return Programs(
        mock=_compile("mock"),
        load=_compile("load"),
        argosy=_argosy(),
        nginx=_nginx() if rivals else None,
        vllm_router=_vllm_router() if rivals else None,
    )


def _compile(name: str) -> Path:
    sources = sorted((HERE / "native").glob("*.[ch]"))
    program = CACHE / name
    newest = max(source.stat().st_mtime for source in sources)
    if program.exists() and program.stat().st_mtime > newest:
        return program
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BuildError("there is no C compiler: install gcc (on Debian: apt-get install gcc)")
    source = HERE / "native" / f"{name}.c"
    _run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)])
    return program


def _argosy() -> Path:
    program = Path(sys.executable).with_name("argosy")
    if not program.exists():
        raise BuildError("argosy is not installed beside this Python: run `make setup`")
    return program


def _nginx() -> Path | None:
    program = shutil.which("nginx")
    if program is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing nginx from the system's packages", flush=True)
        try:
            _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "nginx-light"])
        except BuildError as error:
            print(f"no nginx: {error}")
        program = shutil.which("nginx")
    if program is None:
        print("nginx is not here and is left out: install it (on Debian: apt-get install nginx)")
        return None
    return Path(program)


def _vllm_router() -> Path | None:
    folder = CACHE / "vllm-router"
    program = folder / "bin" / "vllm-router"
    stamp = folder / "rivals.txt"
    if program.exists() and stamp.exists() and stamp.read_bytes() == RIVALS.read_bytes():
        return program
    print("installing vllm-router into its own environment", flush=True)
    try:
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _run([*pip, "--require-hashes", "-r", str(RIVALS)])
    except (BuildError, subprocess.SubprocessError, OSError) as error:
        print(f"vllm-router cannot be installed and is left out: {error}")
        return None
    shutil.copy(RIVALS, stamp)
    return program


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise BuildError(f"{' '.join(command)} failed: {' '.join(last)}")
