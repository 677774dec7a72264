"""What the gateway needs to know about a kind of engine. Knows no engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec


class Call(NamedTuple):
    """A request that the gateway itself makes of an engine."""

    method: str
    path: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Gauges:
    """What an engine tells of its load. `kv_cache_usage` is from 0 to 1."""

    running: int = 0
    waiting: int = 0
    kv_cache_usage: float = 0.0
    # Changes when the engine was started anew; None if it does not tell.
    start_time: float | None = None


class EngineMessage(msgspec.Struct):
    """What an engine's error body says, in its own words."""

    message: str = ""
    param: str | None = None


class Adapters(Protocol):
    """How adapters come and go while an engine runs."""

    def listing(self) -> Call:
        """Return the call that lists what is registered."""

    def listed(self, body: bytes) -> set[str]:
        """Read the answer to `listing`; raises msgspec.DecodeError."""

    def load(self, name: str, path: str) -> Call:
        """Return the call that makes an adapter resident."""

    def unload(self, name: str) -> Call:
        """Return the call that drops an adapter."""

    def already_loaded(self, status: int, body: bytes) -> bool:
        """Tell whether a refused `load` means that the adapter is there already."""

    def unknown_model(self, status: int, body: bytes) -> bool:
        """Tell whether a refused completion means that the adapter is not registered."""


class Dialect(Protocol):
    """One kind of engine."""

    @property
    def name(self) -> str: ...

    @property
    def health(self) -> Call:
        """The call that answers 200 while the engine can serve."""

    @property
    def metrics(self) -> Call | None:
        """The call for the gauges, or None if it has none."""

    @property
    def adapters(self) -> Adapters | None:
        """How adapters are handled, or None if it cannot load them while it runs."""

    def gauges(self, body: bytes) -> Gauges:
        """Read the answer to `metrics`."""


class _ErrorBody(msgspec.Struct):
    error: EngineMessage | str = ""
    message: str = ""
    detail: msgspec.Raw = msgspec.Raw(b'""')


_decoder = msgspec.json.Decoder(_ErrorBody, strict=False)


def engine_message(body: bytes) -> EngineMessage:
    """Read an error body as OpenAI, vLLM or FastAPI write it; an unreadable one is empty."""
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return EngineMessage()
    if isinstance(found.error, EngineMessage):
        return found.error
    return EngineMessage(message=found.error or found.message)
