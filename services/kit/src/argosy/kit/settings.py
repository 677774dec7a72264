"""Settings of a process: one frozen object, read once from `ARGOSY_*`, secrets redacted.

Knows the settings that all processes share. Each part subclasses `ServiceSettings` in its own
`settings.py` and documents what it adds in `docs/settings.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from argosy.kit.addresses import HostPort, parse_address
from pydantic import BeforeValidator, Field, PlainSerializer, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Address = Annotated[
    HostPort, NoDecode, BeforeValidator(parse_address), PlainSerializer(str, return_type=str)
]


class ServiceSettings(BaseSettings):
    """What every Argosy process reads."""

    model_config = SettingsConfigDict(
        env_prefix="ARGOSY_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        # A wrong value may be a secret in the wrong place.
        hide_input_in_errors=True,
    )

    bind: Address = Field(description="Address of the part's main port.")
    health_bind: Address = Field(description="Address of /livez, /readyz and /metrics.")
    service_token: SecretStr = Field(description="Secret that services show each other.")
    log_level: str = Field(default="info", description="debug, info, warning or error.")
    log_exception_texts: bool = Field(
        default=False,
        description="Log what exceptions say; it may quote prompts, data and keys.",
    )

    nats_url: str = Field(default="", description="nats://host:port of the event bus.")
    nats_user: str = Field(default="", description="This service's NATS user.")
    nats_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    nats_monitor_url: str = Field(
        default="", description="http://host:port of nats-server's monitoring; proves durability."
    )
    nats_replicas: int = Field(
        default=1,
        ge=1,
        le=5,
        description="Copies of each stream; 3 in a cluster.",
    )

    tls_cert_file: Path | None = Field(default=None, description="PEM certificate for mutual TLS.")
    tls_key_file: Path | None = Field(default=None, description="PEM key of the certificate.")
    tls_ca_file: Path | None = Field(default=None, description="PEM bundle that signs the peers.")

    otlp_endpoint: str = Field(default="", description="OTLP/HTTP base URL; empty exports nothing.")
    trace_sample_ratio: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of new traces that are recorded."
    )


class DatabaseSettings(ServiceSettings):
    """What a process with a schema of its own reads besides."""

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/database")


__all__ = ["Address", "DatabaseSettings", "HostPort", "ServiceSettings", "parse_address"]
