"""A fleet run by the commands that a user types, on the real engine and the real trainer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import openai
from argosy.kit.processes import free_port

ARGOSY: Final = [str(Path(sys.executable).with_name("argosy"))]


class Fleet:
    """A fleet as a user sees it: commands in, JSON out."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = str(free_port())

    def command(self, *words: str, timeout: float = 300) -> str:
        done = subprocess.run(
            [*ARGOSY, *words, "--home", str(self._home)],
            capture_output=True, text=True, timeout=timeout, check=False,
            env=os.environ | {"COLUMNS": "120"},
        )  # fmt: skip
        assert done.returncode == 0, f"argosy {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self) -> None:
        self.command("up", "--detach", "--port", self._port)

    def down(self) -> None:
        self.command("down", timeout=30)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.command("status", "--json"))
        return status

    def process(self, name: str) -> dict[str, Any]:
        return next(p for p in self.status()["processes"] if p["name"] == name)

    def client(self) -> openai.OpenAI:
        status = self.status()
        return openai.OpenAI(base_url=status["base_url"], api_key=status["api_key"], timeout=120)

    def logs(self) -> str:
        files = [p for p in self._home.rglob("*.log") if p.is_file()]
        assert files
        return "\n".join(p.read_text("utf-8", "replace") for p in files)


@contextmanager
def running(home: Path) -> Iterator[Fleet]:
    """Run a fleet of its own for the time of the block."""
    fleet = Fleet(home)
    fleet.up()
    try:
        yield fleet
    finally:
        fleet.down()
