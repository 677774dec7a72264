"""The environment of each process: the one table of who is told what.

Every setting of a process is an `ARGOSY_*` variable; this module knows their values on one
machine. What they mean is each part's `settings.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from argosy.cli.fleet import postgres
from argosy.cli.fleet.credentials import Credentials
from argosy.cli.fleet.engine import Engine
from argosy.cli.fleet.home import Home
from argosy.cli.fleet.roles import DRAIN_SECONDS, role_name

# Marks every process of a fleet, children's children too, so that none can be overlooked.
MARK: Final = "ARGOSY_FLEET"


@dataclass(frozen=True)
class Wiring:
    """What the table is filled from. `ports`: by role, of its first process."""

    home: Home
    host: str
    credentials: Credentials
    engine: Engine
    ports: Mapping[str, int]
    nats_monitor_port: int
    # By process.
    health_ports: Mapping[str, int] = field(default_factory=dict)

    def address(self, role: str) -> str:
        """Return `host:port` of a peer."""
        return f"127.0.0.1:{self.ports[role]}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway is reached from this machine."""
        host = "127.0.0.1" if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104 - not bound here
        return f"http://{host}:{self.ports['gateway']}"

    @property
    def database_url(self) -> str:
        """The URL of the services' database."""
        password = self.credentials.postgres_password
        return (
            f"postgresql://{postgres.USER}:{password}@{self.address('postgres')}"
            f"/{postgres.DATABASE}"
        )


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the caller's environment that processes get, `ARGOSY_*` included."""
    # Three engine processes would compile every module at each start.
    unwanted = {"PYTHONDONTWRITEBYTECODE"}
    kept = {key: value for key, value in environment.items() if key not in unwanted}
    return kept | {"PYTHONUNBUFFERED": "1"}


def settings(role: str, port: int, health_port: int, wiring: Wiring) -> dict[str, str]:
    """Return the `ARGOSY_*` settings of one process."""
    table = _TABLE.get(role)
    host = wiring.host if role == "gateway" else "127.0.0.1"
    common = {
        MARK: str(wiring.home.root),
        "ARGOSY_BIND": f"{host}:{port}",
        "ARGOSY_HEALTH_BIND": f"127.0.0.1:{health_port}",
    }
    return common | (table(wiring) if table else {})


def _service(user: str, wiring: Wiring) -> dict[str, str]:
    return {
        "ARGOSY_SERVICE_TOKEN": wiring.credentials.service_token,
        "ARGOSY_NATS_URL": f"nats://{wiring.address('nats')}",
        "ARGOSY_NATS_MONITOR_URL": f"http://127.0.0.1:{wiring.nats_monitor_port}",
        "ARGOSY_NATS_USER": user,
        "ARGOSY_NATS_PASSWORD": wiring.credentials.nats_password(user),
    }


def _registry(wiring: Wiring) -> dict[str, str]:
    return _service("registry", wiring) | {
        "ARGOSY_DATABASE_URL": wiring.database_url,
        "ARGOSY_KEY_PEPPER": wiring.credentials.key_pepper,
        "ARGOSY_BOOTSTRAP_KEY": wiring.credentials.api_key,
        "ARGOSY_BLOB_ROOT": str(wiring.home.folder("blobs")),
        "ARGOSY_CATALOG_FILE": str(wiring.home.catalog_file),
        "ARGOSY_MAX_LORA_RANK": str(wiring.engine.max_lora_rank),
        "ARGOSY_GATEWAY_URL": wiring.gateway_url,
    }


def _trainer(wiring: Wiring) -> dict[str, str]:
    return _service("trainer", wiring) | {
        "ARGOSY_DATABASE_URL": wiring.database_url,
        "ARGOSY_REGISTRY_URL": wiring.address("registry"),
        "ARGOSY_RUN_ROOT": str(wiring.home.folder("runs")),
        "ARGOSY_WORKER_PYTHON": str(wiring.engine.python),
        # Beside the ML environment, if it was installed; the trainer looks.
        "ARGOSY_COMPRESS_PYTHON": str(
            wiring.engine.python.parents[1].with_name(".venv-compress") / "bin" / "python"
        ),
        "ARGOSY_MAX_LORA_RANK": str(wiring.engine.max_lora_rank),
        # Less than the supervisor's own patience with the trainer.
        "ARGOSY_STOP_GRACE_SECONDS": "2",
        **_metrics_urls(wiring),
    }


def _metrics_urls(wiring: Wiring) -> dict[str, str]:
    """Tell the trainer where the gateways' load can be read, for its idle-time jobs."""
    gateways = [name for name in wiring.health_ports if role_name(name) == "gateway"]
    urls = [f"http://127.0.0.1:{wiring.health_ports[name]}/metrics" for name in gateways]
    return {"ARGOSY_GATEWAY_METRICS_URLS": json.dumps(urls)} if urls else {}


def _embedder(wiring: Wiring) -> dict[str, str]:
    return _service("embedder", wiring)


def _gateway(wiring: Wiring) -> dict[str, str]:
    return _service("gateway", wiring) | {
        "ARGOSY_KEY_PEPPER": wiring.credentials.key_pepper,
        "ARGOSY_REGISTRY_URL": wiring.address("registry"),
        "ARGOSY_TRAINER_URL": wiring.address("trainer"),
        "ARGOSY_EMBEDDER_URL": wiring.address("embedder"),
        "ARGOSY_SPOOL_DIR": str(wiring.home.folder("spool")),
        # On disk: what was used in the day counts after a restart too.
        "ARGOSY_LIMITS_FILE": str(wiring.home.folder("limits") / "counts"),
        "ARGOSY_DRAIN_GRACE_SECONDS": f"{DRAIN_SECONDS:g}",
    }


def _transformers(wiring: Wiring) -> dict[str, str]:
    return {"ARGOSY_ENGINE_KEY": wiring.credentials.engine_key}


def _engine(wiring: Wiring) -> dict[str, str]:
    # By environment: a command line is there for every user of the machine to read.
    return wiring.engine.environment() | {"VLLM_API_KEY": wiring.credentials.engine_key}


_TABLE: Final[dict[str, Callable[[Wiring], dict[str, str]]]] = {
    "registry": _registry,
    "trainer": _trainer,
    "embedder": _embedder,
    "gateway": _gateway,
    "engine": _engine,
    "transformers": _transformers,
}


def variables(role: str, port: int, health_port: int, wiring: Wiring) -> dict[str, str | list[str]]:
    """Return what `${NAME}` means in the Procfile's line of one process."""
    general: dict[str, str | list[str]] = {
        "PORT": str(port),
        "HEALTH_PORT": str(health_port),
        "HOME_DIR": str(wiring.home.root),
        "PYTHON": sys.executable,
        "MODEL_ID": wiring.engine.model_id,
    }
    if role == "postgres":
        general |= {
            "POSTGRES": list(postgres.program("postgres")),
            "DATA": str(postgres_data(wiring.home)),
        }
    elif role == "nats":
        general |= {"NATS_SERVER": _nats_server(), "CONFIG": str(nats_config_file(wiring.home))}
    elif role == "engine":
        general |= {
            "ENGINE_PYTHON": str(wiring.engine.python),
            "WEIGHTS": wiring.engine.weights,
            "ENGINE_FLAGS": list(wiring.engine.flags),
        }
    elif role == "transformers":
        general |= {"ENGINE_PYTHON": str(wiring.engine.python)}
    return general


def _nats_server() -> str:
    return str(Path(sys.executable).with_name("nats-server"))


def postgres_data(home: Home) -> Path:
    """The data folder of the home's PostgreSQL."""
    return home.root / "postgres"


def nats_config_file(home: Home) -> Path:
    """The configuration of the home's nats-server."""
    return home.root / "nats.conf"
