"""The parts of a message that are no text: their form, and what the bytes in them are.

Images and audio come within the request, as base64 beside the name of their kind, and must be what
that says: an engine is given nothing that it could take for something else. A URL is only noted.
Knows OpenAI's shapes and the first bytes of files. Does not know models, limits or the network.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from argosy.gateway.lane.request.checks import one_of, wrong_type, wrong_value
from argosy.kit.errors import InvalidRequest
from msgspec import Struct

IMAGE: Final = "image"
AUDIO: Final = "audio"
# What errors call them.
PLURAL: Final = {IMAGE: "images", AUDIO: "audio"}
# The one role whose messages hold media in OpenAI's API.
SENDER: Final = "user"


class Media(Struct, frozen=True):
    """One image or recording: `messages[message].content[part][kind][member]` holds it.

    `size` is in bytes, decoded, and 0 where `url` names something that is elsewhere. `characters`
    is what it takes up in the request.
    """

    message: int
    part: int
    kind: str
    member: str
    modality: str
    characters: int
    size: int = 0
    url: str = ""

    @property
    def place(self) -> str:
        """The part, as errors name it."""
        return f"messages[{self.message}].content[{self.part}]"

    @property
    def name(self) -> str:
        """What holds it, as errors name it."""
        return f"{self.place}.{self.kind}.{self.member}"


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(signatures)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda data: data[:4] == b"RIFF" and data[8:12] == form


def _mp3(data: bytes) -> bool:
    # Tags first, or the eleven bits that begin a frame.
    return data[:3] == b"ID3" or (data[:1] == b"\xff" and data[1:2] >= b"\xe0")


# By modality: the types that are taken, and how their files begin.
TYPES: Final[Mapping[str, Mapping[str, Callable[[bytes], bool]]]] = {
    IMAGE: {
        "image/png": _starts(b"\x89PNG\r\n\x1a\n"),
        "image/jpeg": _starts(b"\xff\xd8\xff"),
        "image/gif": _starts(b"GIF87a", b"GIF89a"),
        "image/webp": _riff(b"WEBP"),
    },
    AUDIO: {
        "audio/wav": _riff(b"WAVE"),
        "audio/mpeg": _mp3,
        "audio/flac": _starts(b"fLaC"),
        "audio/ogg": _starts(b"OggS"),
    },
}
_FORMATS: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_DETAIL: Final = one_of("auto", "low", "high")
_URLS: Final = {"image_url": IMAGE, "audio_url": AUDIO}
KINDS: Final = frozenset({*_URLS, "input_audio"})


def media_of(messages: Any) -> tuple[Media, ...]:
    """Return what checked messages hold beside text. Raises InvalidRequest for a wrong form."""
    return tuple(_found(messages))


def _found(messages: Any) -> Iterator[Media]:
    for index, message in enumerate(messages):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for number, part in enumerate(content):
            if part["type"] in KINDS:
                yield _read(index, number, part)


def _read(message: int, number: int, part: Mapping[str, Any]) -> Media:
    kind: str = part["type"]
    name = f"messages[{message}].content[{number}].{kind}"
    held = part.get(kind)
    if not isinstance(held, dict):
        raise wrong_type(name, "an object", held)
    if kind == "input_audio":
        _only(name, held, {"data", "format"})
        one_of(*_FORMATS)(f"{name}.format", held.get("format"))
        data = _text(f"{name}.data", held.get("data"))
        size = _size(f"{name}.data", AUDIO, _FORMATS[held["format"]], data)
        return Media(message, number, kind, "data", AUDIO, len(data), size)
    _only(name, held, {"url", "detail"} if kind == "image_url" else {"url"})
    if held.get("detail") is not None:
        _DETAIL(f"{name}.detail", held["detail"])
    url = _text(f"{name}.url", held.get("url"))
    modality = _URLS[kind]
    if url[:8].lower().startswith(("http://", "https://")):
        return Media(message, number, kind, "url", modality, len(url), url=url)
    head, comma, data = url.partition(",")
    known, semicolon, encoding = head.removeprefix("data:").partition(";")
    if not comma or not head.startswith("data:") or (semicolon, encoding) != (";", "base64"):
        raise _wrong(f"{name}.url", modality, "it is no data: URL in base64")
    if known not in TYPES[modality]:
        raise _wrong(f"{name}.url", modality, "its type is not supported")
    size = _size(f"{name}.url", modality, known, data)
    return Media(message, number, kind, "url", modality, len(url), size)


def _size(name: str, modality: str, known: str, data: str) -> int:
    """Return how many bytes `data` is, which must be base64 of a file of that type."""
    try:
        decoded = binascii.a2b_base64(data, strict_mode=True)
    except (binascii.Error, ValueError):
        raise _wrong(name, modality, "what it holds is not base64") from None
    if not TYPES[modality][known](decoded[:16]):
        raise _wrong(name, modality, f"what it holds is not of the type {known}")
    return len(decoded)


def _wrong(name: str, modality: str, why: str) -> InvalidRequest:
    return wrong_value(
        name,
        f"{why}. Send a file of one of the types {', '.join(TYPES[modality])}, in base64 and "
        "without line breaks.",
        f"invalid_{modality}",
    )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    return value


def _only(name: str, held: Mapping[str, Any], members: set[str]) -> None:
    # An engine may take more: a file's path, or a name under which it keeps what others sent.
    if held.keys() - members:
        raise InvalidRequest(
            f"Unrecognized member in '{name}'. It may hold {' and '.join(sorted(members))}.",
            param=name,
            code="unrecognized_request_argument",
        )
