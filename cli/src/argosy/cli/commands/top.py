"""`argosy top`: what the fleet does, live."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from typing import Annotated
from urllib.parse import urlsplit

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import UsageError
from argosy.cli.fleet import control, scraping
from argosy.cli.fleet.home import Home

# Rates are over the last seconds; the cost of an hour over some minutes.
_RECENT_SECONDS = 15.0
_LONG_SECONDS = 600.0


def top(
    home: HomeOption = DEFAULT_HOME,
    url: Annotated[
        list[str] | None,
        typer.Option(
            help="Address of a process's health port, with or without /metrics; once for each "
            "process. The home's fleet if left out."
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.2, help="Seconds between looks.")
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Look twice, print once, and end; so it is in a pipe.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="As --once, for scripts.")] = False,
) -> None:
    """Show requests, latency, tokens, cost, pools, adapters and jobs, live. Ctrl-C ends it."""
    # Here, not above: the other commands start faster without them.
    from argosy.cli.top.history import History
    from argosy.cli.top.scrape import Scraper
    from argosy.cli.top.summary import Summary, summarise
    from argosy.cli.top.view import Screen
    from rich.console import Console
    from rich.live import Live

    title, urls = _fleet(Home.at(home), url or [])
    scraper, recent, long = Scraper(urls), History(_RECENT_SECONDS), History(_LONG_SECONDS)

    def look() -> Summary:
        found = scraper.look()
        recent.add(found)
        long.add(found)
        return summarise(recent, long, time.time())

    try:
        if once or json_output or not sys.stdout.isatty():
            look()
            time.sleep(interval)
            summary = look()
            if json_output:
                typer.echo(json.dumps(dataclasses.asdict(summary), indent=2))
            else:
                Console().print(Screen(title).draw(summary, _clock()))
            return
        screen = Screen(title)
        with (
            contextlib.suppress(KeyboardInterrupt),
            Live(screen.draw(look(), _clock()), screen=True, auto_refresh=False) as live,
        ):
            while True:
                time.sleep(interval)
                live.update(screen.draw(look(), _clock()), refresh=True)
    finally:
        scraper.close()


def _fleet(home: Home, urls: list[str]) -> tuple[str, dict[str, str]]:
    """Return what to call the fleet, and where each process shows its metrics."""
    if urls:
        return "", dict(_named(url) for url in urls)
    state = control.require_running(home)
    shown = {m.name: scraping.metrics_url(m.health_url) for m in state.members}
    return state.base_url, {name: where for name, where in shown.items() if where}


def _named(url: str) -> tuple[str, str]:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise UsageError(f"--url {url}: give an address as http://127.0.0.1:9000.")
    path = parts.path if parts.path.strip("/") else "/metrics"
    return parts.netloc, f"{parts.scheme}://{parts.netloc}{path}"


def _clock() -> str:
    return time.strftime("%H:%M:%S")
