"""Request bodies: read within a limit, decoded strictly, refused with the field's name.

Knows JSON and how msgspec words its complaints. Does not know any resource's fields.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec
from argosy.gateway.errors import BodyTimeout, ClientDisconnected, echo
from argosy.gateway.http.choices import choices
from argosy.kit.errors import InvalidRequest, TooLarge

T = TypeVar("T")

_WORDS: Final = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_AT: Final = re.compile(r"(?P<what>.*?) - at (?P<key>`key` in )?`\$(?P<path>.*)`", re.DOTALL)
_WRONG_TYPE: Final = re.compile(r"Expected `(?P<expected>.+)`, got `(?P<got>.+)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>.+)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_BOUND: Final = re.compile(r"Expected `(?P<type>\w+)` (?P<bound>of length )?(?P<limit>[<>]=? .+)")
_ENUM: Final = re.compile(r"Invalid enum value '(?P<value>.*)'", re.DOTALL)
_PATTERN: Final = re.compile(r"Expected `str` matching regex '(?P<pattern>.+)'")
_COMPARISONS: Final = {
    "<=": "at most",
    ">=": "at least",
    "<": "less than",
    ">": "greater than",
}


class Incoming(Protocol):
    """A request whose body was not read yet."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names are lower case."""

    @property
    def receive(self) -> Callable[[], Awaitable[Any]]:
        """ASGI's way to the body."""


async def chunks_of(request: Incoming) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; raises ClientDisconnected."""
    while True:
        event: Mapping[str, Any] = await request.receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnected("The client went away before its body was complete.")
        if body := event.get("body"):
            yield body
        if not event.get("more_body"):
            return


class BodyReader:
    """Reads JSON bodies of at most `limit` bytes that arrive within `timeout` seconds."""

    def __init__(self, *, limit: int, timeout: float) -> None:
        self._limit = limit
        self._timeout = timeout

    async def read(self, request: Incoming) -> bytes:
        """Return the whole body; raises TooLarge or BodyTimeout."""
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._limit:
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self._timeout):
                async for chunk in chunks_of(request):
                    body += chunk
                    if len(body) > self._limit:
                        raise self._too_large()
        except TimeoutError:
            raise BodyTimeout(
                f"The request body did not arrive within {self._timeout:g} seconds. Send it again."
            ) from None
        return bytes(body)

    async def json(self, request: Incoming, shape: type[T]) -> T:
        """Return the body decoded as `shape`; raises InvalidRequest naming the field."""
        return decode(await self.read(request), shape)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The request body is larger than {self._limit} bytes, the limit of this server. "
            "Send less in one request.",
            code="request_too_large",
        )


def decode(body: bytes, shape: type[T]) -> T:
    """Return the JSON text `body` as `shape`; raises InvalidRequest naming the field."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _explain(str(error), shape) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            "We could not parse the JSON body of your request. Send one JSON object in UTF-8 "
            f"with the header Content-Type: application/json. ({_one_line(error)})",
            code="invalid_json",
        ) from None


def convert(value: Any, shape: type[T], at: str) -> T:
    """Return `value`, which was read from JSON, as `shape`; `at` is where it was in the body.

    Raises InvalidRequest naming the field.
    """
    try:
        return msgspec.convert(value, type=shape)
    except msgspec.ValidationError as error:
        raise _explain(str(error), shape, at) from None


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _explain(complaint: str, shape: Any, at: str = "") -> InvalidRequest:
    """Put msgspec's complaint into OpenAI's words."""
    located = _AT.fullmatch(complaint)
    what, path = (located["what"], located["path"]) if located else (complaint, "")
    param = re.sub(r"\[\.\.\.\]|^\.", "", path)
    param = _join(at, param) if param else at
    if located and located["key"]:
        what = what.replace("Expected `str`", "Expected `key`")
    if match := _MISSING.fullmatch(what):
        name = _join(param, match["name"])
        return InvalidRequest(
            f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    if match := _UNKNOWN.fullmatch(what):
        name = _join(param, echo(match["name"][:100]))
        return InvalidRequest(
            f"Unknown parameter: '{name}'. Check the spelling or leave it out.",
            param=name,
            code="unknown_parameter",
        )
    if match := _WRONG_TYPE.fullmatch(what):
        subject = f"type for '{param}'" if param else "body"
        return InvalidRequest(
            f"Invalid {subject}: expected {_types(match['expected'])}, "
            f"but got {_types(match['got'])} instead.",
            param=param or None,
            code="invalid_type",
        )
    if (match := _ENUM.fullmatch(what)) and (words := choices(shape, path)):
        return InvalidRequest(
            f"Invalid value for '{param}': '{echo(match['value'][:100])}' is not one of "
            f"{', '.join(words)}.",
            param=param or None,
            code="invalid_value",
        )
    return InvalidRequest(
        f"Invalid value for '{param}': {_rule(what)}.", param=param or None, code="invalid_value"
    )


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _types(names: str) -> str:
    words = [_WORDS.get(name, name) for name in names.split(" | ")]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _rule(what: str) -> str:
    if match := _BOUND.fullmatch(what):
        sign, _, number = match["limit"].partition(" ")
        noun = {"object": "an object of", "array": "an array of", "key": "keys of"}.get(
            match["type"], _types(match["type"]) + (" of" if match["bound"] else "")
        )
        unit = {"object": " entries", "array": " items"}.get(match["type"], " characters")
        if match["bound"]:
            return f"expected {noun} {_COMPARISONS[sign]} {number}{unit}"
        return f"expected {noun} {_COMPARISONS[sign]} {number}"
    if match := _PATTERN.fullmatch(what):
        return f"it does not match the pattern {match['pattern']}"
    return what[:1].lower() + what[1:300]
