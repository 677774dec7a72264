"""`python -m argosy.gateway.standalone --config FILE`: the gateway without a fleet."""

from __future__ import annotations

import argparse
import secrets
import sys
from functools import partial
from pathlib import Path
from typing import Final

from argosy.gateway.standalone.app import worker
from argosy.gateway.standalone.judged import WRONG, ConfigError, judge
from argosy.kit import lifecycle
from argosy.kit.addresses import HostPort, parse_address

_PEPPER_BYTES: Final = 32


def main() -> int:
    """Run the gateway until SIGTERM; return its exit status, 2 for a file with a mistake."""
    parser = argparse.ArgumentParser(prog="argosy gateway")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--health", type=parse_address, help="address of one worker's metrics")
    parser.add_argument("--check", action="store_true", help="judge the file and stop")
    arguments = parser.parse_args()
    path: Path = arguments.config
    health: HostPort | None = arguments.health
    # Keys are in the file, so a pepper that lives as long as the process is enough.
    pepper = secrets.token_bytes(_PEPPER_BYTES)
    try:
        judged = judge(path, pepper, health)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    if arguments.check:
        sys.stdout.write(f"{path} can be used.\n")
        return 0
    settings, count = judged.settings, judged.workers
    try:
        if health is None and count > 1:
            # Here, so that a worker does not have what only their parent needs.
            from argosy.gateway.standalone.workers import compose_workers

            return lifecycle.run("gateway", settings, partial(compose_workers, path, count))
        again = partial(judge, path, pepper, health)
        return lifecycle.run(
            "gateway", settings, worker(judged, again, pepper, one_of_many=count > 1)
        )
    except OSError as error:
        if error.filename or error.errno is None:
            raise
        sys.stderr.write(f"{settings.bind} or {settings.health_bind}: {error.strerror}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
