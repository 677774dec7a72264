"""From the Procfile and the options to a plan: what exactly to start, with which environment.

Reads and writes files of the home; starts nothing.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from argosy.cli.errors import UsageError
from argosy.cli.fleet import (
    catalog,
    credentials,
    engine,
    environment,
    nats_config,
    postgres,
    probes,
    procfile,
    scraping,
)
from argosy.cli.fleet.environment import Wiring
from argosy.cli.fleet.home import Home, read_json, write_private
from argosy.cli.fleet.options import EVERY, FleetOptions
from argosy.cli.fleet.ports import Ports
from argosy.cli.fleet.roles import ROLES, Role, role_name, role_of

DEFAULT_PORT: Final = 8000


@dataclass(frozen=True)
class MemberPlan:
    """One process to run. `prepare` is awaited before each start."""

    name: str
    role: Role
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    url: str
    health_url: str
    log: Path
    probe: probes.Probe
    after: tuple[str, ...]
    prepare: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True)
class FleetPlan:
    """All processes of one home.

    `notice`: something that the user should know, or None. `claim`: holds the gateway's port
    against other fleets until it is closed.
    """

    home: Home
    members: tuple[MemberPlan, ...]
    base_url: str
    api_key: str
    model: str
    notice: str | None
    claim: socket.socket


def build(home: Home, options: FleetOptions) -> FleetPlan:
    """Make the plan and write the configuration files that it needs. Raises `FleetError`."""
    commands = procfile.read(options.procfile)
    home.prepare()
    secrets = credentials.ensure(home)
    served = engine.resolve(
        ml_environment=options.ml_environment,
        model=options.model,
        extra_flags=options.engine_flags,
        flavour=options.engine_flavour,
    )
    if any("${ENGINE_PYTHON}" in command for command in commands.values()):
        served.check()
    ports = Ports()
    gateway_port, claim = ports.gateway(options.port, options.host, _preferred_ports(home))
    by_name = {
        name: gateway_port if name == "gateway" else ports.take()
        for name in [*commands, *(role for role in ROLES if role not in commands)]
    }
    monitor_port = ports.take()
    health = {name: ports.take() for name in commands}
    wiring = Wiring(home, options.host, secrets, served, by_name, monitor_port, health)
    _write_configuration(wiring, list(commands))
    members = tuple(
        _member(name, command, wiring, health[name], options, commands)
        for name, command in commands.items()
    )
    scraping.write(home, members)
    return FleetPlan(
        home=home,
        members=members,
        base_url=f"http://{_reachable(options.host)}:{gateway_port}/v1",
        api_key=secrets.api_key,
        model=served.model_id,
        notice=_notice(gateway_port, options),
        claim=claim,
    )


def _member(
    name: str,
    command: str,
    wiring: Wiring,
    health_port: int,
    options: FleetOptions,
    listed: Mapping[str, str],
) -> MemberPlan:
    role = role_name(name)
    port = wiring.ports[name]
    variables = environment.variables(role, port, health_port, wiring)
    probe, scheme, health_url = _health(role, port, health_port, wiring)
    log = wiring.home.log(name)
    prepare = None
    if role == "postgres":
        prepare = functools.partial(
            postgres.initialise,
            environment.postgres_data(wiring.home),
            wiring.credentials.postgres_password,
            log,
        )
    return MemberPlan(
        name=name,
        role=role_of(name),
        command=procfile.expand(command, variables),
        environment=environment.inherited(os.environ)
        | environment.settings(role, port, health_port, wiring)
        | dict(options.environment.get(EVERY, {}))
        | dict(options.environment.get(name, {})),
        port=port,
        url=f"{scheme}://127.0.0.1:{port}",
        health_url=health_url,
        log=log,
        probe=probe,
        after=tuple(n for n in listed if role_name(n) in role_of(name).after),
        prepare=prepare,
    )


def _health(
    role: str, port: int, health_port: int, wiring: Wiring
) -> tuple[probes.Probe, str, str]:
    """Return how to ask for readiness, the scheme of the main port, and the health URL."""
    if role == "postgres":
        return probes.postgres(port, postgres.USER), "postgresql", ""
    if role == "nats":
        monitor = wiring.nats_monitor_port
        return probes.nats(monitor), "nats", f"http://127.0.0.1:{monitor}/healthz"
    if role in {"engine", "transformers"}:
        return probes.http(port, "/health"), "http", f"http://127.0.0.1:{port}/health"
    scheme = "http" if role == "gateway" else "grpc"
    return probes.http(health_port, "/readyz"), scheme, f"http://127.0.0.1:{health_port}/readyz"


def _write_configuration(wiring: Wiring, listed: list[str]) -> None:
    replicas = {
        role: [f"http://127.0.0.1:{wiring.ports[n]}" for n in listed if role_name(n) == role]
        for role in ("engine", "transformers")
    }
    write_private(
        wiring.home.catalog_file,
        catalog.render(
            wiring.engine,
            replicas["engine"],
            wiring.credentials.engine_key,
            transformers=replicas["transformers"],
        ),
    )
    write_private(
        environment.nats_config_file(wiring.home),
        nats_config.render(
            port=wiring.ports["nats"],
            monitor_port=wiring.nats_monitor_port,
            store=wiring.home.folder("nats"),
            credentials=wiring.credentials,
        ),
    )


def _preferred_ports(home: Home) -> list[int]:
    """Return the port that this home's clients know, then the default."""
    stored = read_json(home.state_file) or {}
    try:
        before = urlsplit(str(stored.get("base_url", ""))).port
    except ValueError:
        before = None
    return [*([before] if before else []), DEFAULT_PORT]


def _reachable(host: str) -> str:
    if host in {"", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if ":" in host:
        raise UsageError(f"--host {host}: give an IPv4 address or a name.")
    return host


def _notice(port: int, options: FleetOptions) -> str | None:
    if options.port is not None or port == DEFAULT_PORT:
        return None
    return f"Port {DEFAULT_PORT} is not used; the gateway listens on {port} (choose with --port)."
