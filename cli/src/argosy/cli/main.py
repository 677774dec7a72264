"""The `argosy` command: its subcommands and how errors become exit statuses."""

from __future__ import annotations

import sys

import typer
from argosy.cli.commands.chat import chat
from argosy.cli.commands.demo import demo
from argosy.cli.commands.down import down
from argosy.cli.commands.explain import explain
from argosy.cli.commands.gateway import gateway
from argosy.cli.commands.logs import logs
from argosy.cli.commands.recipes import recipes
from argosy.cli.commands.status import status
from argosy.cli.commands.top import top
from argosy.cli.commands.tune import tune
from argosy.cli.commands.up import up
from argosy.cli.errors import FleetError


def application() -> typer.Typer:
    """Return the command with all its subcommands."""
    app = typer.Typer(
        name="argosy",
        help="A self-hosted LLM platform: start, stop and look at a fleet, and talk to it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in (up, down, status, logs, chat, demo, gateway, explain, top):
        app.command()(command)
    app.add_typer(recipes, name="recipes")
    app.add_typer(tune)
    return app


def main() -> None:
    """Run the command line; the entry point of the `argosy` script."""
    try:
        application()()
    except FleetError as error:
        typer.echo(f"argosy: {error}", err=True)
        sys.exit(error.exit_status)
