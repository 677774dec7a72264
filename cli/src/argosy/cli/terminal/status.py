"""The state of a fleet as lines of text and as the JSON of `argosy status --json`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from argosy.cli.fleet.state import FleetState, MemberState
from argosy.cli.terminal.progress import seconds_of

_COLUMNS = "{:<11} {:<10} {:>7} {:>8} {:>8}  {}"


def as_lines(state: FleetState, now: float | None = None) -> list[str]:
    """Return a table of the processes under a line about the whole."""
    moment = time.time() if now is None else now
    lines = [
        f"{state.phase} · {state.base_url} · model {state.model}",
        "",
        _COLUMNS.format("PROCESS", "STATE", "PID", "RESTARTS", "START", "ADDRESS").rstrip(),
    ]
    for member in state.members:
        row = _COLUMNS.format(
            member.name,
            member.stage,
            member.pid or "-",
            member.restarts,
            seconds_of(member, moment) or "-",
            member.url,
        )
        lines.append(row + (f"  ({member.note})" if member.note and not member.ready else ""))
    return lines


def as_json(state: FleetState, api_key: str, home: Path) -> dict[str, Any]:
    """Return what scripts read; its keys are a contract."""
    return {
        "running": True,
        "phase": state.phase,
        "ready": bool(state.members) and all(m.ready for m in state.members),
        "base_url": state.base_url,
        "api_key": api_key,
        "model": state.model,
        "home": str(home),
        "pid": state.pid,
        "processes": [_process(member) for member in state.members],
    }


def not_running(home: Path) -> dict[str, Any]:
    """Return what scripts read when no fleet runs."""
    return {"running": False, "ready": False, "home": str(home), "processes": []}


def _process(member: MemberState) -> dict[str, Any]:
    return {
        "name": member.name,
        "pid": member.pid,
        "ready": member.ready,
        "state": member.stage,
        "restarts": member.restarts,
        "url": member.url,
        "port": member.port,
        "health_url": member.health_url or None,
        "start_seconds": member.seconds,
        "log": member.log,
        "note": member.note or None,
    }
