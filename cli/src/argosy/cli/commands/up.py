"""`argosy up`: start the fleet here and watch it, or start it in the background."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import FleetError, StartupFailed
from argosy.cli.fleet import control, credentials, logfile
from argosy.cli.fleet.home import Home, HomeInUse
from argosy.cli.fleet.options import FleetOptions, repository_root
from argosy.cli.fleet.state import FleetState, Phase
from argosy.cli.fleet.supervisor import Fleet, supervise
from argosy.cli.terminal.progress import LineProgress, Progress, progress
from argosy.cli.terminal.welcome import welcome

Greeting = Callable[[Home, FleetState], None]

_TAIL_LINES: Final = 25


def up(
    home: HomeOption = DEFAULT_HOME,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when the fleet is ready.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the gateway; 8000 or a free one."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address the gateway listens on.")] = "127.0.0.1",
    model: Annotated[
        str | None, typer.Option(help="Base model: a folder or a hub id; else the packaged one.")
    ] = None,
    engine_flag: Annotated[
        list[str] | None,
        typer.Option(help="Flag for the engine, for example --engine-flag=--max-num-seqs=32."),
    ] = None,
    procfile: Annotated[
        Path | None, typer.Option(help="Another list of processes.", show_default=False)
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not print the key and the examples.")
    ] = False,
) -> None:
    """Start the fleet: PostgreSQL, NATS, the services, the engine and the gateway."""
    place = Home.at(home)
    greet = _say_ready if quiet else _welcome
    listed = procfile or repository_root() / "Procfile"
    options = FleetOptions(
        procfile=listed.absolute(),
        ml_environment=ml_environment(),
        host=host,
        port=port,
        model=model,
        engine_flags=tuple(word for flag in engine_flag or [] for word in shlex.split(flag)),
    )
    if place.in_use():
        _already_running(place, greet)
    elif detach:
        _in_background(place, options, greet)
    else:
        asyncio.run(_here(place, options, greet))


def ml_environment() -> Path:
    """Return the environment of the engine and of the trainer's child."""
    named = os.environ.get("ARGOSY_ML_ENVIRONMENT")
    return Path(named).expanduser().absolute() if named else repository_root() / ".venv-ml"


async def _here(home: Home, options: FleetOptions, greet: Greeting) -> None:
    """Run the fleet in this process until a signal comes."""
    stopping = asyncio.Event()
    fleets: list[Fleet] = []
    shown: Progress = progress()
    later = LineProgress(quiet_until_ready=True)
    ready = asyncio.Event()

    def observe(state: FleetState) -> None:
        (later if ready.is_set() else shown).show(state)
        if ready.is_set() or state.phase is not Phase.READY:
            return
        ready.set()
        later.show(state)
        shown.__exit__(None, None, None)
        greet(home, state)

    def stop() -> None:
        if stopping.is_set():
            typer.echo("Killing everything.", err=True)
            for fleet in fleets:
                fleet.kill()
            return
        typer.echo("\nStopping; once more kills.", err=True)
        stopping.set()

    def began(fleet: Fleet) -> None:
        fleets.append(fleet)
        if fleet.plan.notice:
            typer.echo(fleet.plan.notice)

    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(which, stop)
    shown.__enter__()
    try:
        await supervise(home, options, stopping=stopping, on_fleet=began, observer=observe)
    except StartupFailed as error:
        raise _explained(home, error) from None
    finally:
        if not ready.is_set():
            shown.__exit__(None, None, None)
    typer.echo("Stopped.", err=True)


def _in_background(home: Home, options: FleetOptions, greet: Greeting) -> None:
    """Start the same supervisor in a session of its own and wait until it is ready."""
    home.prepare()
    log_path = home.log("fleet")
    logfile.trim(log_path)
    with logfile.open_for_process(log_path) as log:
        supervisor = subprocess.Popen(
            _command(home, options),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with progress() as shown:
            state = control.follow(
                home, supervisor.pid, shown.show, lambda: supervisor.poll() is None
            )
    except KeyboardInterrupt:
        typer.echo("\nStopping.", err=True)
        control.stop(home)
        raise
    if state is not None and state.phase is Phase.READY:
        greet(home, state)
        return
    if state is not None and state.failed is not None:
        raise _explained(home, StartupFailed(state.failed, state.reason or "failed"))
    if state is not None and state.phase in {Phase.STOPPING, Phase.STOPPED}:
        raise FleetError("The fleet was stopped before it was ready.")
    raise FleetError("\n".join(["The fleet did not start:", *logfile.tail(log_path, 5)]))


def _command(home: Home, options: FleetOptions) -> list[str]:
    words = [sys.executable, "-m", "argosy.cli", "up", "--quiet", "--home", str(home.root)]
    words += ["--host", options.host, "--procfile", str(options.procfile)]
    if options.port is not None:
        words += ["--port", str(options.port)]
    if options.model is not None:
        words += ["--model", options.model]
    return words + [f"--engine-flag={shlex.quote(flag)}" for flag in options.engine_flags]


def _already_running(home: Home, greet: Greeting) -> None:
    """Say so; if the other one is still starting, wait for it."""
    typer.echo(f"A fleet already runs in {home.root}.")
    pid = home.holder()
    if pid is None:
        raise HomeInUse("Its supervisor is just starting or ending; try again in a moment.")
    with progress() as shown:
        state = control.follow(home, pid, shown.show, home.in_use)
    if state is None or state.phase is not Phase.READY:
        raise FleetError(f"It ended; see {home.log('fleet')}.")
    greet(home, state)


def _welcome(home: Home, state: FleetState) -> None:
    typer.echo(welcome(state, credentials.ensure(home).api_key, str(home.root)))


def _say_ready(_: Home, state: FleetState) -> None:
    typer.echo(f"Ready: {state.base_url}")


def _explained(home: Home, error: StartupFailed) -> FleetError:
    """Add the end of the failed process's log."""
    lines = [f"{error.process} did not start: {error.reason}."]
    log = home.log(error.process)
    if last := logfile.tail(log, _TAIL_LINES):
        lines += [f"The end of {log}:", *(f"  {line}" for line in last)]
    return FleetError("\n".join(lines))
