"""Keys and passwords of one home: made once, kept in `secrets.json` (mode 0600).

Knows how they look. Does not know who uses them.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, fields

from argosy.cli.errors import FleetError
from argosy.cli.fleet.home import Home, read_json, write_private


def _secret() -> str:
    return secrets.token_urlsafe(32)


def _api_key() -> str:
    return "sk-argosy-" + secrets.token_urlsafe(32)


@dataclass(frozen=True, repr=False)
class Credentials:
    """All secrets of a fleet."""

    api_key: str = field(default_factory=_api_key)
    key_pepper: str = field(default_factory=_secret)
    service_token: str = field(default_factory=_secret)
    postgres_password: str = field(default_factory=_secret)
    engine_key: str = field(default_factory=_secret)
    nats_registry: str = field(default_factory=_secret)
    nats_trainer: str = field(default_factory=_secret)
    nats_embedder: str = field(default_factory=_secret)
    nats_gateway: str = field(default_factory=_secret)

    def nats_password(self, user: str) -> str:
        """Return the bus password of one service."""
        password: str = getattr(self, f"nats_{user}")
        return password


def ensure(home: Home) -> Credentials:
    """Read the home's credentials; make those that are missing.

    Raises `FleetError` for a file that cannot be read: making new secrets beside an existing
    database would lock its owner out.
    """
    path = home.credentials_file
    stored = read_json(path)
    if stored is None and path.exists():
        raise FleetError(f"{path} is damaged; restore it, or start with another --home.")
    known = {f.name for f in fields(Credentials)}
    credentials = Credentials(**{k: str(v) for k, v in (stored or {}).items() if k in known})
    if stored != asdict(credentials):
        write_private(path, json.dumps(asdict(credentials), indent=2) + "\n")
    return credentials
