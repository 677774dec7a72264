"""Looks at a fleet and stops it from another process, through its home alone."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final

from argosy.cli.errors import FleetError, NotRunning
from argosy.cli.fleet import leftovers
from argosy.cli.fleet.home import Home, read_json
from argosy.cli.fleet.state import FleetState, Phase, from_json
from argosy.cli.fleet.supervisor import Observer, claimed, recorded

# The supervisor needs less than 15 s; past this it hangs itself.
_STOP_SECONDS: Final = 18.0
_LOOK_SECONDS: Final = 0.1


def running(home: Home) -> FleetState | None:
    """Return the state of the home's fleet if a supervisor lives there and has written one."""
    holder = home.holder()
    state = from_json(read_json(home.state_file) or {})
    return state if state is not None and holder == state.pid else None


def require_running(home: Home) -> FleetState:
    """Return the state of the home's fleet. Raises `NotRunning`."""
    state = running(home)
    if state is None:
        raise NotRunning(f"No fleet runs in {home.root}; start one with `argosy up`.")
    return state


def stop(home: Home) -> bool:
    """Stop the home's fleet and everything it left behind; tell whether there was anything.

    Raises `FleetError` if the home is still in use after the time that a stop may take.
    """
    found = False
    give_up = time.monotonic() + _STOP_SECONDS
    asked: int | None = None
    while home.in_use():
        found = True
        pid = home.holder()
        overdue = time.monotonic() > give_up
        if pid is not None and (pid != asked or overdue):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if overdue else signal.SIGTERM)
            asked = pid
        if time.monotonic() > give_up + 2:
            raise FleetError(f"The supervisor in {home.root} (pid {pid}) does not end.")
        time.sleep(_LOOK_SECONDS)
    if not home.root.is_dir():
        return False
    left = leftovers.find(home.root, recorded(home))
    if left:
        with claimed(home):
            found = True
    return found


def follow(
    home: Home, pid: int, observer: Observer, alive: Callable[[], bool]
) -> FleetState | None:
    """Report the states that supervisor `pid` writes until its fleet is ready or has ended.

    Returns the last one, or None if the supervisor ended without writing any.
    """
    seen: FleetState | None = None
    while True:
        lives = alive()
        state = from_json(read_json(home.state_file) or {})
        if state is not None and state.pid == pid and state != seen:
            seen = state
            observer(state)
        if not lives or (seen is not None and seen.phase is Phase.READY):
            return seen
        time.sleep(_LOOK_SECONDS)
