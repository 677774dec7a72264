"""`argosy chat`: talk to a model in the terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import UsageError
from argosy.cli.fleet import control, credentials
from argosy.cli.fleet.home import Home


def chat(
    model: Annotated[
        str | None, typer.Argument(help="Model name; the base model if left out.")
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", help="Ask this once and end; else the terminal is read."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Talk to a model; its answer streams. Standard input that is no terminal is one question."""
    place = Home.at(home)
    state = control.require_running(place)
    # Here, not above: the SDK takes half a second to import, and the other commands need none.
    from argosy.cli.terminal.conversation import Conversation

    name = model or state.model
    conversation = Conversation(state.base_url, credentials.ensure(place).api_key, name)
    if message is None and sys.stdin.isatty():
        typer.echo(f"{name} · an empty line or Ctrl-D ends.", err=True)
        conversation.until_done()
        return
    text = (sys.stdin.read() if message is None else message).strip()
    if not text:
        raise UsageError("There is no question: give one with -m or on standard input.")
    conversation.ask(text)
