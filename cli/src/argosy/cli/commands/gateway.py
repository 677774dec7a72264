"""`argosy gateway`: the gateway alone, for engines that run already."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def gateway(
    config: Annotated[Path, typer.Option("--config", help="The file with pools, models and keys.")],
    check: Annotated[bool, typer.Option("--check", help="Judge the file and stop.")] = False,
) -> None:
    """Route requests to engines by a file: no database, no other process. SIGHUP reads it again."""
    command = [sys.executable, "-m", "argosy.gateway.standalone", "--config", str(config)]
    # In this process's place, so that signals and the exit status are the gateway's own.
    os.execv(sys.executable, [*command, "--check"] if check else command)  # noqa: S606
