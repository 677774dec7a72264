"""What the gateway needs to know about a kind of engine. Knows no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.call import Call


class Counts(NamedTuple):
    """Tokens that an engine has read, those of them that a cache held, and written."""

    read: int = 0
    cached: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Gauges:
    """What an engine tells of its load. `kv_cache_usage` is from 0 to 1."""

    running: int = 0
    waiting: int = 0
    kv_cache_usage: float = 0.0
    # Changes when the engine was started anew; None if it does not tell.
    start_time: float | None = None
    # Adapters that it can run at once; 0 if it does not tell.
    max_loras: int = 0
    # Adapters of requests that run or wait there.
    active_adapters: frozenset[str] = frozenset()
    # Tokens since its start; None if it does not tell.
    counts: Counts | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What an engine says of itself. `context_length` is in tokens; 0 if it does not tell.

    `serves` are the names that a request may give; None if it takes any name. `names` are for
    people.
    """

    names: tuple[str, ...] = ()
    serves: frozenset[str] | None = None
    context_length: int = 0


class RefusedInStream(Exception):
    """A stream's first event is a refusal, which other engines answer with a status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Translator(Protocol):
    """Turns the body of one answer into OpenAI's form as it arrives."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what can be passed on, which may be nothing.

        Raises RefusedInStream before it returned anything, not after.
        """

    def end(self) -> bytes:
        """The engine's body is complete; return the rest."""


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

    def load(self, model: Model) -> Call:
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

    @property
    def salts_cache(self) -> bool:
        """Whether its prefix cache keeps apart prompts with different `cache_salt`."""

    @property
    def tells_counts(self) -> bool:
        """Whether `call` has a stream's chunks tell what their answer has come to so far."""

    def gauges(self, body: bytes) -> Gauges:
        """Read the answer to `metrics`."""

    @property
    def card(self) -> Call | None:
        """The call that tells what the engine serves, or None if it does not tell."""

    def read_card(self, body: bytes) -> Card | None:
        """Read the answer to `card`; None if it cannot be read."""

    def call(self, path: str, body: bytes, *, stream: bool) -> Call:
        """Return the engine's own form of a request that a client made of `path`.

        Raises InvalidRequest for what the engine has no form for.
        """

    def translator(
        self, path: str, body: bytes, headers: Mapping[bytes, bytes], *, stream: bool
    ) -> Translator | None:
        """Return what makes the answer OpenAI's, or None if it is so already.

        `body` is the client's request; `headers` are the answer's, names in lower case.
        """


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
