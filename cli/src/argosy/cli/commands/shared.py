"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="ARGOSY_HOME", help="Folder that holds all state of the fleet."),
]
DEFAULT_HOME = Path(".argosy")
