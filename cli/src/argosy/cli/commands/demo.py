"""`argosy demo`: tune the base model live and compare its answers."""

from __future__ import annotations

from typing import Annotated

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.fleet import control, credentials
from argosy.cli.fleet.home import Home


def demo(
    home: HomeOption = DEFAULT_HOME,
    seed: Annotated[
        int, typer.Option(help="Seed of the records, the held-out requests and the training.")
    ] = 2,
    price_per_hour: Annotated[
        float,
        typer.Option(min=0.0, help="What this machine costs you an hour, for the bill at the end."),
    ] = 0.10,
) -> None:
    """Tune a model live: it fails a request, trains on 100 records, and answers it.

    Ends with status 1 if the tuned model passes less than 95 % of the held-out requests, or the
    base model more than 10 %.
    """
    place = Home.at(home)
    state = control.require_running(place)
    # Here, not above: the SDK takes half a second to import, and the other commands need none.
    from argosy.cli.demo.replay import Demonstration
    from openai import OpenAI
    from rich.console import Console

    key = credentials.ensure(place).api_key
    client = OpenAI(base_url=state.base_url, api_key=key, timeout=300)
    demonstration = Demonstration(
        client, Console(), model=state.model, seed=seed, price_per_hour=price_per_hour
    )
    if not demonstration.run():
        raise typer.Exit(1)
