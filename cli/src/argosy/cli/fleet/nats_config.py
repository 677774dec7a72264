"""The configuration file of nats-server: durable streams, one user a service, least subjects.

Knows NATS's file format and the JetStream subjects that a service needs. Does not know events'
contents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.api import subjects
from argosy.cli.fleet.credentials import Credentials

_STREAMS: Final = (subjects.STREAM, subjects.DEAD_STREAM)


@dataclass(frozen=True)
class BusUser:
    """What one service may do: the aggregates that it tells of, the consumers that it owns."""

    name: str
    publishes: tuple[str, ...]
    consumers: tuple[str, ...] = ()


USERS: Final = (
    BusUser("registry", ("file.>", "model.>"), consumers=("registry-usage",)),
    BusUser(
        "trainer",
        ("job.>", "checkpoint.>", "usage.>"),
        consumers=("trainer",),
    ),
    BusUser("embedder", ()),
    BusUser("gateway", ("usage.>",)),
)


def publish_subjects(user: BusUser) -> list[str]:
    """Return every subject that the service may send to."""
    allowed = [subjects.PREFIX + what for what in user.publishes]
    for stream in _STREAMS:
        allowed += [f"$JS.API.STREAM.{verb}.{stream}" for verb in ("INFO", "CREATE")]
    for consumer in user.consumers:
        name = f"{subjects.STREAM}.{consumer}"
        allowed += [
            subjects.dead(consumer),
            f"$JS.API.CONSUMER.CREATE.{name}",
            f"$JS.API.CONSUMER.CREATE.{name}.>",
            f"$JS.API.CONSUMER.DURABLE.CREATE.{name}",
            f"$JS.API.CONSUMER.INFO.{name}",
            f"$JS.API.CONSUMER.MSG.NEXT.{name}",
            f"$JS.ACK.{name}.>",
        ]
    return allowed


def render(*, port: int, monitor_port: int, store: Path, credentials: Credentials) -> str:
    """Return the file's text. Strings are JSON strings, which nats-server reads."""
    users = ",\n".join(_user(user, credentials) for user in USERS)
    return (
        "# Written by `argosy up`; changes are lost.\n"
        f"listen: {json.dumps(f'127.0.0.1:{port}')}\n"
        f"http: {json.dumps(f'127.0.0.1:{monitor_port}')}\n"
        "jetstream {\n"
        f"  store_dir: {json.dumps(str(store))}\n"
        "  # An event is acknowledged when it is on disk, not when it is in memory.\n"
        "  sync_interval: always\n"
        "}\n"
        f"authorization {{\n  users: [\n{users}\n  ]\n}}\n"
    )


def _user(user: BusUser, credentials: Credentials) -> str:
    return (
        f"    {{user: {user.name}, password: {json.dumps(credentials.nats_password(user.name))},\n"
        f"     permissions: {{publish: {_list(publish_subjects(user))},\n"
        f"                   subscribe: {_list(['_INBOX.>'])}}}}}"
    )


def _list(values: Iterable[str]) -> str:
    return json.dumps(list(values))
