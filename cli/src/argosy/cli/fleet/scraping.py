"""Where Prometheus finds the metrics of a fleet on one machine: a file that it watches.

Ports change with each start; a series' labels do not: `job` is the process's name in the Procfile,
`instance` the process's own. Knows the form of Prometheus's file-based discovery.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from argosy.cli.fleet.home import Home, write_private
from argosy.cli.fleet.roles import role_name

if TYPE_CHECKING:
    from argosy.cli.fleet.plan import MemberPlan

# What the readiness is asked for at, of the processes that serve metrics beside it.
_READINESS: Final = ("/readyz", "/health")


def write(home: Home, members: Iterable[MemberPlan]) -> None:
    """Write the file anew; a Prometheus that runs takes it over within seconds."""
    found = [
        {"targets": [target], "labels": {"job": role_name(m.name), "instance": m.name}}
        for m in members
        if (target := _target(m.health_url))
    ]
    write_private(home.targets_file, json.dumps(found, indent=2) + "\n")


def metrics_url(health_url: str) -> str:
    """Return where a process shows its metrics; empty if it shows none."""
    target = _target(health_url)
    return f"http://{target}/metrics" if target else ""


def _target(health_url: str) -> str:
    parts = urlsplit(health_url)
    return parts.netloc if parts.path in _READINESS else ""
