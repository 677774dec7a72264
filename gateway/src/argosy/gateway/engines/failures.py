"""How talking to an engine fails. Knows transport; the lane turns these into public errors."""

from __future__ import annotations


class EngineError(Exception):
    """The engine could not be used."""


class ConnectFailed(EngineError):
    """No connection: nothing was sent, so another replica may be asked at no risk."""


class ConnectionLost(EngineError):
    """The connection broke after the request was sent."""


class EngineTimeout(EngineError):
    """The engine was silent for longer than the step allows."""


class MalformedAnswer(EngineError):
    """The engine's bytes are not HTTP."""


class AdapterRefused(EngineError):
    """The engine would not load an adapter."""
