"""A request of the lane as the gateway reads it: what it must know, and the body to send on.

Parses only what is needed. The forwarded body is built anew from the top-level fields that the
table lets through, each with the client's own bytes as its value: what was checked is what is sent,
whatever the duplicates, escapes or nulls of the original.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from argosy.gateway.errors import echo
from argosy.gateway.lane.media.parts import Media, media_of
from argosy.gateway.lane.request.checks import wrong_value
from argosy.gateway.lane.request.parameters import (
    CHAT,
    COMPLETION,
    EMBEDDING,
    REWARD,
    Fate,
    Parameter,
)
from argosy.gateway.lane.request.quick import (
    QuickChat,
    QuickCompletion,
    quick_chat,
    quick_completion,
)
from argosy.kit.errors import InvalidRequest
from msgspec import UNSET, Raw

_TOP: Final = msgspec.json.Decoder(dict[str, Raw])
_ANY: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = b"null"
# For input that an engine did not count: UTF-8 bytes of JSON a token, roughly, over languages.
_BYTES_A_TOKEN: Final = 4
# For an image or a recording, which takes a model some hundreds to thousands.
_TOKENS_A_MEDIUM: Final = 1000
_STICKY: Final = ("prompt_cache_key", "safety_identifier", "user")
_USAGE: Final = Raw(b'{"include_usage":true}')


class Operation(StrEnum):
    """What is asked for; the closed list of `UsageRecorded.operation` for this lane."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    REWARD = "reward"


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    table: Mapping[str, Parameter]
    subject: str
    quick: Callable[[bytes], QuickChat | QuickCompletion | None]


_ROUTES: Final[dict[Operation, _Route]] = {
    Operation.CHAT: _Route("/v1/chat/completions", CHAT, "messages", quick_chat),
    Operation.COMPLETION: _Route("/v1/completions", COMPLETION, "prompt", quick_completion),
    Operation.EMBEDDING: _Route("/v1/embeddings", EMBEDDING, "input", lambda _: None),
    Operation.REWARD: _Route("/v1/rewards", REWARD, "messages", lambda _: None),
}
PATHS: Final = {operation: route.path for operation, route in _ROUTES.items()}
BY_PATH: Final = {path: operation for operation, path in PATHS.items()}
# As it stands in a request line.
_BY_URL: Final = {path.encode(): operation for path, operation in BY_PATH.items()}


def operation_at(url: bytes) -> Operation | None:
    """Return what a POST to this URL asks of the lane, or None if it is not the lane's."""
    return _BY_URL.get(url) or _BY_URL.get(_plain(url))


def _plain(url: bytes) -> bytes:
    """Return the path of a request line without query and escapes.

    An escaped slash stays as it is: it is a part of a name, and divides nothing.
    """
    path = url.partition(b"?")[0]
    return path if b"%2f" in path.lower() else unquote_to_bytes(path)


class CompletionRequest:
    """A checked request; lengths are in tokens.

    `fields` is what the engine gets, each value in the client's bytes. `answers` is how many are
    asked for. `wants_usage` is true if the client itself asked for the usage event of a stream.
    `salt` is what `salted` adds for engines whose cache knows salts.
    """

    __slots__ = (
        "answers", "estimated_input_tokens", "fields", "max_tokens", "media", "model", "operation",
        "salt", "service_tier", "sticky", "stream", "wants_usage",
    )  # fmt: skip

    def __init__(
        self,
        operation: Operation,
        model: str,
        stream: bool,
        wants_usage: bool,
        max_tokens: tuple[str, int] | None,
        answers: int,
        service_tier: str | None,
        estimated_input_tokens: int,
        fields: dict[str, Raw],
        salt: bytes,
        sticky: str | None = None,
        media: tuple[Media, ...] = (),
    ) -> None:
        self.operation = operation
        self.model = model
        self.stream = stream
        self.wants_usage = wants_usage
        self.max_tokens = max_tokens
        self.answers = answers
        self.service_tier = service_tier
        self.estimated_input_tokens = estimated_input_tokens
        self.fields = fields
        self.salt = salt
        # What tells the client's own users or conversations apart, where it says so.
        self.sticky = sticky
        # Images and audio in the messages, in their order.
        self.media = media

    @property
    def wants_counts(self) -> bool:
        """Whether the client itself asked for the count so far in each chunk of a stream."""
        return b"continuous_usage_stats" in bytes(self.fields.get("stream_options", b""))

    def let_go(self) -> None:
        """Keep no more of the client's bytes: no engine will be asked again."""
        options = self.fields.get("stream_options")
        self.fields = {} if options is None else {"stream_options": options}
        self.media = ()

    @property
    def path(self) -> str:
        """The engine's path, which is the client's."""
        return PATHS[self.operation]

    @property
    def body(self) -> bytes:
        """The body for an engine that knows the model by the client's name."""
        return self.body_for(self.model)

    def body_for(self, model_id: str) -> bytes:
        """Return the body for an engine that knows the model as `model_id`."""
        fields = self.fields
        if model_id != self.model:
            fields = fields | {"model": Raw(_ENCODER.encode(model_id))}
        return _ENCODER.encode(fields)


def parse(operation: Operation, body: bytes, salt: bytes = b"") -> CompletionRequest:
    """Check a request's body. Raises InvalidRequest, with the parameter's name."""
    route = _ROUTES[operation]
    found = route.quick(body)
    if found is None:
        return judged(operation, body, salt)
    fields = _TOP.decode(body)
    if found.stream:
        fields.pop("stream_options", None)
        fields["stream_options"] = _USAGE
    options = found.stream_options
    return CompletionRequest(
        operation,
        found.model,
        found.stream,
        options is not UNSET and options.include_usage is True,
        _quick_max_tokens(found),
        1 if found.n is UNSET else found.n,
        None,
        len(bytes(fields[route.subject])) // _BYTES_A_TOKEN or 1,
        fields,
        salt,
    )


def judged(operation: Operation, body: bytes, salt: bytes = b"") -> CompletionRequest:
    """Check a request's body by the table, field by field."""
    route = _ROUTES[operation]
    raw = _fields(body)
    values: dict[str, object] = {}
    forward: dict[str, Raw] = {}
    for name, piece in raw.items():
        parameter = route.table.get(name)
        if parameter is None:
            raise _unrecognized(name)
        if bytes(piece) == _NULL:
            continue
        if parameter.fate is Fate.REFUSE:
            raise InvalidRequest(parameter.why, param=name, code="unsupported_parameter")
        value = values[name] = _value(name, piece)
        parameter.check(name, value)
        if parameter.fate is Fate.FORWARD:
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
        forward["stream_options"] = Raw(_ENCODER.encode(_asked(options)))
    media = media_of(values["messages"]) if "messages" in values else ()
    if media:
        # Written anew from what was checked: no second reader finds another part in it.
        forward["messages"] = Raw(_ENCODER.encode(values["messages"]))
    answers, tier = values.get("n"), values.get("service_tier")
    return CompletionRequest(
        operation=operation,
        model=str(values["model"]),
        stream=stream,
        wants_usage=options.get("include_usage") is True,
        max_tokens=_max_tokens(values),
        answers=answers if isinstance(answers, int) else 1,
        service_tier=tier if isinstance(tier, str) else None,
        estimated_input_tokens=_estimate(len(bytes(raw[route.subject])), media),
        fields=forward,
        salt=salt,
        sticky=next((str(values[name]) for name in _STICKY if values.get(name)), None),
        media=media,
    )


def _estimate(length: int, media: tuple[Media, ...]) -> int:
    """Return about how many tokens the input has, of which `media` are part of its `length`."""
    text = length - sum(each.characters for each in media)
    return max(1, text // _BYTES_A_TOKEN + len(media) * _TOKENS_A_MEDIUM)


def _quick_max_tokens(found: QuickChat | QuickCompletion) -> tuple[str, int] | None:
    if isinstance(found, QuickChat) and found.max_completion_tokens is not UNSET:
        return "max_completion_tokens", found.max_completion_tokens
    return None if found.max_tokens is UNSET else ("max_tokens", found.max_tokens)


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


def _fields(body: bytes) -> dict[str, Raw]:
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


def _value(name: str, piece: Raw) -> object:
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
