"""Images and audio: which parts pass, for which models, within which limits."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.lane.media.door import MediaDoor, MediaLimits
from argosy.gateway.lane.request.completion import CompletionRequest, Operation, parse
from argosy.kit.errors import InvalidRequest

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 40
WAV = b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40
MP3 = b"\xff\xfb\x90\x64" + b"\0" * 40
SEES = Model(id="sees", modalities=["image"])
HEARS = Model(id="hears", modalities=["audio"])
READS = Model(id="reads")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def image(data: bytes = PNG, kind: str = "image/png", **more: Any) -> dict[str, Any]:
    url = f"data:{kind};base64,{encoded(data)}"
    return {"type": "image_url", "image_url": {"url": url, **more}}


def sound(data: bytes = WAV, form: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": encoded(data), "format": form}}


def asked(*parts: Any, role: str = "user") -> CompletionRequest:
    content = [{"type": "text", "text": "What is it?"}, *parts]
    body = {"model": "m", "messages": [{"role": role, "content": content}]}
    return parse(Operation.CHAT, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("part", "model", "size"),
    [
        (image(), SEES, len(PNG)),
        (image(detail="low"), SEES, len(PNG)),
        (image(detail=None), SEES, len(PNG)),
        (image(JPEG, "image/jpeg"), SEES, len(JPEG)),
        (image(b"GIF89a" + b"\0" * 9, "image/gif"), SEES, 15),
        (image(WEBP, "image/webp"), SEES, len(WEBP)),
        (sound(), HEARS, len(WAV)),
        (sound(MP3, "mp3"), HEARS, len(MP3)),
        ({"type": "audio_url", "audio_url": {"url": f"data:audio/ogg;base64,{encoded(b'OggS')}"}},
         HEARS, 4),
    ],
)  # fmt: skip
def test_what_a_model_declares_passes(part: dict[str, Any], model: Model, size: int) -> None:
    request = asked(part)
    MediaDoor().check(model, request.media)
    assert [(each.name[:24], each.size) for each in request.media] == [
        ("messages[0].content[1]." + part["type"][:1], size)
    ]
    sent = json.loads(bytes(request.fields["messages"]))
    assert sent[0]["content"][1] == part


@pytest.mark.parametrize(
    ("part", "param", "code"),
    [
        (image(JPEG), "image_url.url", "invalid_image"),  # is not what it says
        (image(WAV, "image/webp"), "image_url.url", "invalid_image"),
        (image(b"<svg/>", "image/svg+xml"), "image_url.url", "invalid_image"),
        (image(PNG, "IMAGE/PNG"), "image_url.url", "invalid_image"),
        (image(b""), "image_url.url", "invalid_image"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,%89PNG"}},
         "image_url.url", "invalid_image"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR w0KGgo"}},
         "image_url.url", "invalid_image"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
         "image_url.url", "invalid_image"),
        ({"type": "image_url", "image_url": {"url": None}}, "image_url.url", "invalid_type"),
        ({"type": "image_url", "image_url": "data:image/png;base64,"},
         "image_url", "invalid_type"),
        (image(detail="most"), "image_url.detail", "invalid_value"),
        # A name under which an engine keeps it, and would give it to others.
        (image(uuid="1"), "image_url", "unrecognized_request_argument"),
        (image() | {"uuid": "1"}, "uuid", "unrecognized_request_argument"),
        (sound(MP3), "input_audio.data", "invalid_audio"),
        (sound(form="flac"), "input_audio.format", "invalid_value"),
        ({"type": "input_audio", "input_audio": {"format": "wav"}},
         "input_audio.data", "invalid_type"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_says_is_refused(part: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(part)
    error = refused.value
    assert (error.param, error.code) == (f"messages[0].content[1].{param}", code)


@pytest.mark.parametrize(
    ("part", "model", "reads"),
    [
        (image(), READS, "text"),
        (image(), HEARS, "text and audio"),
        (sound(), SEES, "text and images"),
    ],
)
def test_a_model_gets_only_what_it_declares(part: dict[str, Any], model: Model, reads: str) -> None:
    with pytest.raises(InvalidRequest, match=f"'{model.id}' reads only {reads}") as refused:
        MediaDoor().check(model, asked(part).media)
    assert refused.value.code == "unsupported_content_type"
    assert refused.value.param == "messages[0].content[1]"


@pytest.mark.parametrize("role", ["system", "developer", "assistant", "tool", "function"])
def test_only_users_send_media(role: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(image(), role=role)
    assert refused.value.code == "unsupported_content_type"


def test_count_and_size_are_limited_with_the_limit_named() -> None:
    door = MediaDoor(MediaLimits(count=2, size=2 * len(PNG)))
    door.check(SEES, asked(image(), image()).media)
    with pytest.raises(InvalidRequest, match="limit of this server is 2") as refused:
        door.check(SEES, asked(*[image()] * 3).media)
    assert refused.value.code == "too_many_media"
    assert refused.value.param == "messages[0].content[3]"
    with pytest.raises(InvalidRequest, match=f"is {2 * len(PNG)} bytes for all") as refused:
        door.check(SEES, asked(image(), image(PNG + b"\0")).media)
    assert refused.value.code == "media_too_large"
    assert refused.value.param == "messages[0].content[2].image_url.url"


def test_the_bytes_of_media_are_no_text_for_limits() -> None:
    small, large = asked(image()), asked(image(PNG + bytes(100_000)))
    assert small.estimated_input_tokens == large.estimated_input_tokens
    assert large.estimated_input_tokens > asked().estimated_input_tokens + 500


def test_a_second_reader_finds_what_was_checked() -> None:
    twice = (
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":'
        b'{"url":"http://10.0.0.1/","url":"data:image/png;base64,%b"}}]}]}' % encoded(PNG).encode()
    )
    request = parse(Operation.CHAT, twice)
    assert b"10.0.0.1" not in bytes(request.fields["messages"])


async def test_a_url_of_elsewhere_is_refused_without_hosts() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}
    request = asked(part)
    with pytest.raises(InvalidRequest, match="data: URL") as refused:
        MediaDoor().check(SEES, request.media)
    assert refused.value.code == "media_url_not_allowed"
    assert refused.value.param == "messages[0].content[1].image_url.url"
