"""`argosy down`: stop the home's fleet and whatever it left behind."""

from __future__ import annotations

import time

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.fleet import control
from argosy.cli.fleet.home import Home


def down(home: HomeOption = DEFAULT_HOME) -> None:
    """Stop the fleet. Its data stays in the home."""
    place = Home.at(home)
    started = time.monotonic()
    if control.stop(place):
        typer.echo(f"Stopped after {time.monotonic() - started:.1f} s.")
    else:
        typer.echo(f"No fleet runs in {place.root}.")
