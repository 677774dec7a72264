"""`argosy status`: where every process stands.

Exit status: 0 all ready, 1 something is not ready, 3 nothing runs.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import NotRunning
from argosy.cli.fleet import control, credentials
from argosy.cli.fleet.home import Home
from argosy.cli.terminal.status import as_json, as_lines, not_running


def status(
    home: HomeOption = DEFAULT_HOME,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show the processes of the fleet. Exit status 0 if all are ready, 3 if none runs."""
    place = Home.at(home)
    state = control.running(place)
    if state is None:
        if json_output:
            typer.echo(json.dumps(not_running(place.root), indent=2))
            raise typer.Exit(NotRunning.exit_status)
        control.require_running(place)
        return
    if json_output:
        key = credentials.ensure(place).api_key
        typer.echo(json.dumps(as_json(state, key, place.root), indent=2))
    else:
        typer.echo("\n".join(as_lines(state)))
    if not all(member.ready for member in state.members):
        raise typer.Exit(1)
