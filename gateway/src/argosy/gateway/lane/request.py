"""A completion request as the gateway reads it: what it must know, and the body to send on.

Parses only what is needed. The forwarded body is built anew from the top-level fields that the
table lets through, each with the client's own bytes as its value: what was checked is what is sent,
whatever the duplicates, escapes or nulls of the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from argosy.gateway.errors import echo
from argosy.gateway.lane.checks import wrong_value
from argosy.gateway.lane.parameters import CHAT, COMPLETION, Fate, Parameter
from argosy.kit.errors import InvalidRequest

_TOP: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = b"null"
# For input that an engine did not count: UTF-8 bytes of JSON a token, roughly, over languages.
_BYTES_A_TOKEN: Final = 4


class Operation(StrEnum):
    """What is asked for; the closed list of `UsageRecorded.operation` for this lane."""

    CHAT = "chat"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    table: Mapping[str, Parameter]
    subject: str


_ROUTES: Final[dict[Operation, _Route]] = {
    Operation.CHAT: _Route("/v1/chat/completions", CHAT, "messages"),
    Operation.COMPLETION: _Route("/v1/completions", COMPLETION, "prompt"),
}
BY_PATH: Final = {route.path: operation for operation, route in _ROUTES.items()}


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A checked request. `body` is what the engine gets; lengths are in tokens.

    `wants_usage` is true if the client itself asked for the usage event of a stream.
    """

    operation: Operation
    model: str
    stream: bool
    wants_usage: bool
    max_tokens: tuple[str, int] | None
    estimated_input_tokens: int
    body: bytes

    @property
    def path(self) -> str:
        """The engine's path, which is the client's."""
        return _ROUTES[self.operation].path


def parse(operation: Operation, body: bytes) -> CompletionRequest:
    """Check a request's body. Raises InvalidRequest, with the parameter's name."""
    route = _ROUTES[operation]
    raw = _fields(body)
    values: dict[str, object] = {}
    forward: dict[str, msgspec.Raw] = {}
    for name, piece in raw.items():
        parameter = route.table.get(name)
        if parameter is None:
            raise _unrecognized(name)
        if bytes(piece) == _NULL:
            continue
        if parameter.fate is Fate.REFUSE:
            raise InvalidRequest(parameter.why, param=name, code="unsupported_parameter")
        value = _value(name, piece)
        parameter.check(name, value)
        if parameter.fate is Fate.FORWARD:
            values[name] = value
            forward[name] = piece
    for name in ("model", route.subject):
        if name not in values:
            raise InvalidRequest(
                f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )
    if not values["model"]:
        raise wrong_value("model", "empty string. GET /v1/models lists the models you can call.")
    stream = values.get("stream") is True
    options = values.get("stream_options")
    options = options if isinstance(options, dict) else {}
    if options and not stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is true.",
            param="stream_options",
            code="invalid_parameter_combination",
        )
    forward.pop("stream_options", None)
    if stream:
        forward["stream_options"] = msgspec.Raw(_ENCODER.encode(_asked(options)))
    return CompletionRequest(
        operation=operation,
        model=str(values["model"]),
        stream=stream,
        wants_usage=options.get("include_usage") is True,
        max_tokens=_max_tokens(values),
        estimated_input_tokens=max(1, len(bytes(raw[route.subject])) // _BYTES_A_TOKEN),
        body=_ENCODER.encode(forward),
    )


def _asked(options: Mapping[str, object]) -> dict[str, bool]:
    """Return the engine's stream options: usage always, so that it can be metered."""
    asked = {"include_usage": True}
    if options.get("continuous_usage_stats") is True:
        asked["continuous_usage_stats"] = True
    return asked


def _max_tokens(values: Mapping[str, object]) -> tuple[str, int] | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = values.get(name)
        if isinstance(value, int):
            return name, value
    return None


def _fields(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _TOP.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            "The body of your request must be a JSON object.", code="invalid_json"
        ) from error
    except RecursionError as error:
        raise InvalidRequest(
            "The JSON body of your request is nested too deeply.", code="invalid_json"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            "We could not parse the JSON body of your request. Send one JSON object in UTF-8, "
            "with the header Content-Type: application/json.",
            code="invalid_json",
        ) from error


def _value(name: str, piece: msgspec.Raw) -> object:
    try:
        decoded: object = _ANY.decode(piece)
    except RecursionError as error:
        raise wrong_value(name, "it is nested too deeply.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"We could not parse the JSON value of '{name}'. Send UTF-8 without lone surrogates.",
            param=name,
            code="invalid_json",
        ) from error
    return decoded


def _unrecognized(name: str) -> InvalidRequest:
    shown = echo(name[:64])
    return InvalidRequest(
        f"Unrecognized request argument supplied: {shown}. Leave it out; the API reference lists "
        "the parameters of this route.",
        param=shown,
        code="unrecognized_request_argument",
    )
