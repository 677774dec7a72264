"""`argosy explain`: where a request for a model would go now, and why."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import UsageError
from argosy.cli.fleet import control, credentials
from argosy.cli.fleet.home import Home
from argosy.cli.terminal.explanation import as_lines


def explain(
    model: Annotated[str, typer.Argument(help="Name of a model or a route.")],
    url: Annotated[
        str | None,
        typer.Option(
            help="Base URL of a gateway, with or without /v1; the fleet's own if left out."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="ARGOSY_API_KEY", help="An administrator's key; needed with --url."),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show the replicas that can serve a model, what each policy says of them, and routes."""
    if url is None:
        place = Home.at(home)
        url = control.require_running(place).base_url
        key = key or credentials.ensure(place).api_key
    if not key:
        raise UsageError("--url needs an administrator's key: --key, or ARGOSY_API_KEY.")
    # Here, not above: the SDK takes half a second to import, and the other commands need none.
    from argosy.cli.terminal.asking import ask_json

    base_url = f"{url.rstrip('/').removesuffix('/v1')}/v1"
    answer = ask_json(base_url, key, "/argosy/explain", {"model": model})
    typer.echo(json.dumps(answer, indent=2) if json_output else "\n".join(as_lines(answer)))
