"""`argosy logs`: what the processes wrote, and what they write now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import UsageError
from argosy.cli.fleet import logfile
from argosy.cli.fleet.home import Home

_LOOK_SECONDS = 0.2
# Lines of a request that are looked at for the traces it is in.
_MANY = 1000


def logs(
    process: Annotated[
        str | None, typer.Argument(help="One process; all if left out.", show_default=False)
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="Lines of each log to begin with.")
    ] = 50,
    request_id: Annotated[
        str | None,
        typer.Option(
            "--request-id",
            help="Only what was logged about one request, in order of time: its x-request-id.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the logs of the fleet's processes."""
    place = Home.at(home)
    chosen = _chosen(place, process)
    wanted: logfile.Wanted = logfile.everything
    if request_id is not None:
        itself = logfile.about(request_id)
        known = [
            line for path in _chosen(place, None) for line in logfile.tail(path, _MANY, itself)
        ]
        wanted = logfile.about(request_id, logfile.traces(known))
    width = max(len(path.stem) for path in chosen)

    def label(path: Path) -> str:
        return f"{path.stem:<{width}} | " if len(chosen) > 1 else ""

    followed = [_Follower(path) for path in chosen]
    begin = [(path, line) for path in chosen for line in logfile.tail(path, lines, wanted)]
    if request_id is not None:
        # One story, whoever tells which part of it.
        begin.sort(key=lambda found: logfile.time_of(found[1]))
    for path, line in begin:
        typer.echo(label(path) + line)
    while follow:
        for follower in followed:
            for line in filter(wanted, follower.new_lines()):
                typer.echo(label(follower.path) + line)
        time.sleep(_LOOK_SECONDS)


def _chosen(home: Home, process: str | None) -> list[Path]:
    there = sorted(home.logs.glob("*.log")) if home.logs.is_dir() else []
    if not there:
        raise UsageError(f"{home.root} has no logs: no fleet was started there.")
    if process is None:
        return there
    chosen = [path for path in there if path.stem == process]
    if not chosen:
        names = ", ".join(path.stem for path in there)
        raise UsageError(f"There is no process {process!r}; there are: {names}.")
    return chosen


class _Follower:
    """Reads what is appended to a log, also after the log was emptied."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = path.stat().st_size
        self._rest = ""

    def new_lines(self) -> Iterator[str]:
        size = self.path.stat().st_size
        if size < self._offset:
            self._offset = 0
        with self.path.open("rb") as file:
            file.seek(self._offset)
            read = file.read()
        self._offset += len(read)
        *lines, self._rest = (self._rest + read.decode("utf-8", "replace")).split("\n")
        yield from lines
