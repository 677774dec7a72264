"""Settings of the engine: one frozen object, read once from `ARGOSY_*`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class SettingsError(Exception):
    """A setting is missing or cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`memory_bytes` is for loaded weights together; 0 takes half of the machine's memory.

    `key` is the bearer secret of all `/v1` routes, empty for none. `batch` sequences are worked on
    at once, `queue` may wait. `threads` of 0 leaves the choice to torch. `number_format` is auto,
    float32 or bfloat16; auto is float32 on a CPU and what the weights have on a GPU.
    """

    host: str
    port: int
    key: str = field(default="", repr=False)
    memory_bytes: int = 0
    batch: int = 16
    queue: int = 256
    threads: int = 0
    number_format: str = "auto"
    log_level: str = "info"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; raises SettingsError."""
    host, _, port = environment.get("ARGOSY_BIND", "").rpartition(":")
    if not port.isdigit():
        raise SettingsError("ARGOSY_BIND must be host:port, for example 127.0.0.1:8001.")
    number_format = environment.get("ARGOSY_ENGINE_DTYPE") or "auto"
    if number_format not in ("auto", "float32", "bfloat16"):
        raise SettingsError("ARGOSY_ENGINE_DTYPE must be auto, float32 or bfloat16.")
    return Settings(
        host=host or "0.0.0.0",  # noqa: S104 - as in every other process of ours
        port=int(port),
        key=environment.get("ARGOSY_ENGINE_KEY", ""),
        memory_bytes=_whole(environment, "ARGOSY_ENGINE_MEMORY_BYTES", 0, 0),
        batch=_whole(environment, "ARGOSY_ENGINE_BATCH", 16, 1),
        queue=_whole(environment, "ARGOSY_ENGINE_QUEUE", 256, 1),
        threads=_whole(environment, "ARGOSY_ENGINE_THREADS", 0, 0),
        number_format=number_format,
        log_level=environment.get("ARGOSY_LOG_LEVEL") or "info",
    )


def _whole(environment: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdigit() or int(text) < least:
        raise SettingsError(f"{name} must be a whole number from {least}.")
    return int(text)
