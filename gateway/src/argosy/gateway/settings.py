"""Settings of the gateway, read once from `ARGOSY_*`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from argosy.gateway.lane.media.fetch import listed
from argosy.kit.settings import Address, ServiceSettings
from argosy.kit.webhook_address import Allowed
from pydantic import AfterValidator, Field, SecretStr


def _listed(value: str) -> str:
    """Return a list with commas if its entries are hosts, addresses, networks or `*`."""
    Allowed.of(entry for entry in listed(value) if entry != "*")
    return value


_Listed = Annotated[str, AfterValidator(_listed)]


class TrafficSettings(ServiceSettings):
    """How completions are received, queued, sent on and given up. Times are in seconds."""

    max_body_bytes: int = Field(default=4 << 20, ge=1024, description="Largest JSON body.")
    body_timeout_seconds: float = Field(
        default=30.0, gt=0, description="A JSON body arrives within this time."
    )

    max_media: int = Field(
        default=16, ge=0, description="Images and recordings that one request may hold."
    )
    max_media_bytes: int = Field(
        default=8 << 20, ge=1024, description="Largest size of all of them together, decoded."
    )
    media_hosts: _Listed = Field(
        default="",
        description="Hosts, separated by commas, from which images and audio are fetched that a "
        "client names by URL; `*` for all on the public internet; empty: none are.",
    )
    media_networks: _Listed = Field(
        default="",
        description="Addresses and networks beside the public ones that these hosts may have.",
    )
    media_timeout_seconds: float = Field(
        default=10.0, gt=0, description="Such a file is here within this time."
    )

    first_byte_timeout_seconds: float = Field(
        default=60.0, gt=0, description="An engine begins to stream within this time."
    )
    answer_timeout_seconds: float = Field(
        default=300.0,
        gt=0,
        description="An engine gives an answer that does not stream, which comes when the last "
        "token is made, within this time.",
    )
    token_timeout_seconds: float = Field(
        default=30.0, gt=0, description="The longest pause inside an engine's stream."
    )
    request_timeout_seconds: float = Field(
        default=600.0, gt=0, description="The longest that a completion may take in all."
    )

    pool_concurrency: int = Field(
        default=256, ge=1, description="Requests that one pool works on at the same time."
    )
    pool_queue: int = Field(
        default=512, ge=0, description="Requests that wait for their turn at one pool."
    )
    queue_timeout_seconds: float = Field(
        default=30.0, gt=0, description="The longest that a request waits for its turn."
    )

    limits_file: Path | None = Field(
        default=None,
        description="File in which the gateways of one machine count together what keys and "
        "projects use; unset, each counts alone. On a disk, a day's counts outlive a restart.",
    )
    wrong_keys_per_minute: int = Field(
        default=60, ge=1, description="Wrong API keys that one address may send in a minute."
    )

    adapters_per_replica: int = Field(
        default=256, ge=1, description="Adapters kept registered on one engine."
    )
    adapter_load_timeout_seconds: float = Field(
        default=30.0, gt=0, description="An engine loads an adapter within this time."
    )
    replica_batch: int = Field(
        default=0,
        ge=0,
        description="Requests that one engine runs at once, vLLM's --max-num-seqs; 0 if not known.",
    )

    probe_seconds: float = Field(
        default=2.0, gt=0, description="Time between two health checks of an engine that is up."
    )
    ejection_seconds: float = Field(
        default=5.0, gt=0, description="How long a failing engine is set aside the first time."
    )

    cache_salt_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Secret that keeps projects apart in engines' prefix caches, the same for all "
        "gateways; empty: made from the one that keys are hashed with.",
    )

    drain_grace_seconds: float = Field(
        default=10.0, ge=0, description="After SIGTERM, open requests may go on for this long."
    )

    access_log: bool = Field(
        default=False, description="Log a line for each completion; without it only for failures."
    )


class GatewaySettings(TrafficSettings):
    """What the gateway of a fleet reads besides: its services, and what it keeps on disk."""

    registry_url: Address = Field(description="host:port of the registry's gRPC.")
    trainer_url: Address = Field(description="host:port of the trainer's gRPC.")
    embedder_url: Address = Field(description="host:port of the embedder's gRPC.")

    key_pepper: SecretStr = Field(description="Secret that API keys are hashed with.")

    spool_dir: Path = Field(
        description="Folder of this process alone: usage events that the bus has not taken yet, "
        "and uploads whose purpose is not known yet."
    )
    spool_max_bytes: int = Field(
        default=64 << 20, ge=1 << 20, description="Usage events kept on disk, in bytes."
    )

    ledger_seconds: float = Field(
        default=5.0,
        gt=0,
        description="Time between two looks at the ledger: engines' counts are told to it, and the "
        "day's use by all gateways is asked of it.",
    )

    max_upload_bytes: int = Field(default=512 << 20, ge=1024, description="Largest file.")
    upload_idle_seconds: float = Field(
        default=60.0, gt=0, description="The longest pause inside an upload."
    )
    embed_timeout_seconds: float = Field(
        default=60.0, gt=0, description="The embedder answers within this time."
    )
