"""`python -m argosy.gateway.standalone.judge --config FILE`: judges a file for a worker.

Reads the pepper in base64 from its input, and writes what `judged.py` takes as JSON. A mistake goes
to the error output, with status 2.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

import msgspec
from argosy.gateway.settings import TrafficSettings
from argosy.gateway.standalone.config import Config, read_config, traffic_settings
from argosy.gateway.standalone.feed import entries
from argosy.gateway.standalone.judged import WRONG, ConfigError, Told
from argosy.kit.addresses import HostPort, parse_address
from pydantic import SecretStr


def main() -> int:
    """Judge; return 0 or WRONG."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--health", type=parse_address)
    arguments = parser.parse_args()
    pepper = base64.b64decode(sys.stdin.buffer.read())
    try:
        config = read_config(arguments.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    told = _told(config, traffic_settings(config, arguments.health), pepper)
    sys.stdout.buffer.write(msgspec.json.encode(told))
    return 0


def _told(config: Config, settings: TrafficSettings, pepper: bytes) -> Told:
    log = config.gateway.usage_log
    told = Told(config.gateway.workers, None if log is None else str(log), {}, {}, {}, {}, [])
    for name in TrafficSettings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, HostPort):
            told.addresses[name] = value
        elif isinstance(value, Path):
            told.paths[name] = str(value)
        elif isinstance(value, SecretStr):
            told.secrets[name] = value.get_secret_value()
        else:
            told.plain[name] = value
    told.entries = [entry.SerializeToString() for entry in entries(config, pepper)]
    return told


if __name__ == "__main__":
    sys.exit(main())
