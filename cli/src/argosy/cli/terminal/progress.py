"""Live progress of a starting fleet: a table at a terminal, one line a change elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Protocol, Self

from argosy.cli.fleet.state import FleetState, MemberState, Phase, Stage
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_SHOWN = {
    Stage.WAITING: "waiting",
    Stage.STARTING: "starting",
    Stage.READY: "ready",
    Stage.UNREADY: "not ready",
    Stage.BACKING_OFF: "crashed",
    Stage.STOPPING: "stopping",
    Stage.STOPPED: "stopped",
}


class Progress(Protocol):
    """Shows states as they come. A context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, state: FleetState) -> None:
        """Take note of a new state."""


def seconds_of(member: MemberState, now: float) -> str:
    """Return how long the start took, or has been taking."""
    if member.seconds is not None:
        return f"{member.seconds:.1f} s"
    if member.stage in {Stage.STARTING, Stage.STOPPING}:
        return f"{max(0.0, now - member.since):.0f} s"
    return ""


class LineProgress:
    """One line a change: for logs, pipes and the time after the start."""

    def __init__(self, quiet_until_ready: bool = False) -> None:
        self._last: dict[str, Stage] = {}
        self._quiet = quiet_until_ready

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, state: FleetState) -> None:
        for member in state.members:
            before = self._last.get(member.name)
            self._last[member.name] = member.stage
            starting = state.phase is Phase.STARTING
            if member.stage is before or (before is None and member.stage is Stage.WAITING):
                continue
            if self._quiet and (starting or (state.phase is Phase.READY and before is None)):
                continue
            print(line(member, state), flush=True)


def line(member: MemberState, state: FleetState) -> str:
    """Return one line about a member that changed."""
    words = [f"{member.name:<10}", f"{_SHOWN[member.stage]:<9}"]
    if member.stage is Stage.READY and member.seconds is not None:
        words.append(f"{member.seconds:5.1f} s")
    elif member.stage in {Stage.BACKING_OFF, Stage.UNREADY}:
        words.append(member.note)
    return f"{time.time() - state.started_at:6.1f} s  " + " ".join(words).rstrip()


class TableProgress:
    """A table that redraws itself while the fleet starts."""

    def __init__(self, console: Console) -> None:
        self._state: FleetState | None = None
        self._spinner = Spinner("dots")
        self._live = Live(
            console=console, get_renderable=self._draw, refresh_per_second=8, transient=False
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, state: FleetState) -> None:
        self._state = state

    def _draw(self) -> Table:
        table = Table.grid(padding=(0, 2))
        now = time.time()
        for member in self._state.members if self._state else ():
            table.add_row(
                self._mark(member),
                member.name,
                Text(_SHOWN[member.stage], style=_style(member)),
                Text(seconds_of(member, now), justify="right"),
                Text(member.note, style="dim", overflow="ellipsis", no_wrap=True),
            )
        return table

    def _mark(self, member: MemberState) -> Text | Spinner:
        if member.ready:
            return Text("✓", style="green")
        if member.stage is Stage.BACKING_OFF:
            return Text("✗", style="red")
        return self._spinner if member.stage is Stage.STARTING else Text(" ")


def _style(member: MemberState) -> str:
    if member.ready:
        return "green"
    return "red" if member.stage is Stage.BACKING_OFF else ""


def progress() -> Progress:
    """Return the kind of progress that suits where the output goes."""
    console = Console()
    return TableProgress(console) if console.is_terminal and sys.stdin.isatty() else LineProgress()
