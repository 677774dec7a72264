"""AB04: a message names a URL that the platform shall fetch from inside. Nobody does.

Media are off for models that declare none: every part that is not text is refused before an engine
hears of it. The stand-in engine fetches what it is sent, as vLLM does, so a part that slipped
through would reach the canary.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.harness.canary import Canary
from tests.harness.serving_fleet import ENGINES, HELLO, MODEL, ServingFleet


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    running = Canary()
    running.check()
    yield running
    running.close()


PIXEL = base64.b64encode(b"GIF89a\1\0\1\0\0\0\0;").decode()
URLS = {
    "loopback": "http://127.0.0.1:{port}/a.png",
    "v6": "http://[::1]:{port}/a.png",
    "v4 in v6": "http://[::ffff:127.0.0.1]:{port}/a.png",
    "hex": "http://0x7f.1:{port}/a.png",
    "one number": "http://2130706433:{port}/a.png",
    "octal": "http://0177.0.0.1:{port}/a.png",
    "any": "http://0.0.0.0:{port}/a.png",
    "name": "http://localhost:{port}/a.png",
    "full-width dots": "http://127。0。0。1:{port}/a.png",
    "metadata service": "http://169.254.169.254/latest/meta-data/iam",
    "rebinding name": "http://7f000001.08080808.rbndr.us:{port}/a.png",
    "name of an address": "http://127.0.0.1.nip.io:{port}/a.png",
    "redirect to inside": "http://127.0.0.1:{port}/redirect?to=http://127.0.0.1:{port}/",
    "two parsers": "http://ok.example\\@127.0.0.1:{port}/a.png",  # CVE-2026-24779
    "user part": "http://ok.example@127.0.0.1:{port}/a.png",
    "fragment": "http://127.0.0.1:{port}#@ok.example/a.png",
    "tab": "http://127.0.0.1\t:{port}/a.png",
    "capitals": "HTTP://127.0.0.1:{port}/a.png",
    "no scheme": "//127.0.0.1:{port}/a.png",
    "https": "https://127.0.0.1:{port}/a.png",
    "file": "file:///etc/passwd",
    "file with host": "file://localhost/etc/passwd",
    "ftp": "ftp://127.0.0.1:{port}/a.png",
    "gopher": "gopher://127.0.0.1:{port}/_GET",
    "path": "/etc/passwd",
    "inline": "data:image/gif;base64," + PIXEL,
    "inline SVG that fetches": "data:image/svg+xml,<image href='http://127.0.0.1:{port}/'/>",
}
PARTS: dict[str, Any] = {
    "image_url": lambda url: {"type": "image_url", "image_url": {"url": url}},
    "image_url as text": lambda url: {"type": "image_url", "image_url": url},
    "input_image": lambda url: {"type": "input_image", "image_url": url},
    "audio_url": lambda url: {"type": "audio_url", "audio_url": {"url": url}},
    "input_audio": lambda url: {"type": "input_audio", "input_audio": {"data": url}},
    "video_url": lambda url: {"type": "video_url", "video_url": {"url": url}},
    "file": lambda url: {"type": "file", "file": {"file_data": url}},
    "input_file": lambda url: {"type": "input_file", "file_url": url},
    # Engines read some parts by their members, whatever the type says or without one.
    "no type": lambda url: {"image_url": {"url": url}},
    "type is null": lambda url: {"type": None, "image_url": url},
    "type of text": lambda url: {"type": "text", "text": "a", "image_url": {"url": url}},
    "type in capitals": lambda url: {"type": "IMAGE_URL", "image_url": {"url": url}},
    "text is an object": lambda url: {"type": "text", "text": {"url": url}},
}


def refusals(serving: ServingFleet, messages: Iterable[Any]) -> list[dict[str, Any]]:
    """Send requests of one message; require a 400 that no engine heard of; return the errors."""
    before, errors = serving.heard(), []
    with serving.http() as client:
        for message in messages:
            body = {"model": MODEL, "messages": [message], "max_tokens": 1}
            answer = client.post("/v1/chat/completions", json=body)
            assert answer.status_code == 400, answer.text
            errors.append(answer.json()["error"])
    assert serving.heard() == before
    return errors


@pytest.mark.parametrize("kind", PARTS)
def test_ab04_no_form_of_media_passes(serving: ServingFleet, canary: Canary, kind: str) -> None:
    parts = [PARTS[kind](url.replace("{port}", str(canary.port))) for url in URLS.values()]
    contents = [*([part] for part in parts), *([{"type": "text", "text": "a"}, p] for p in parts)]
    for error in refusals(serving, ({"role": "user", "content": each} for each in contents)):
        assert error["param"].startswith("messages[0].content["), error
        # Not even in an error is an address of the inside repeated.
        assert "127.0.0.1" not in error["message"]
    assert canary.visits == 0


@pytest.mark.parametrize("role", ["system", "developer", "assistant", "tool", "user"])
def test_ab04_no_role_may_send_media(serving: ServingFleet, canary: Canary, role: str) -> None:
    part = PARTS["image_url"](f"http://127.0.0.1:{canary.port}/a.png")
    (error,) = refusals(serving, [{"role": role, "content": [part]}])
    assert error["code"] == "unsupported_content_type"
    assert canary.visits == 0


@pytest.mark.parametrize("member", ["audio", "image_url", "images", "attachments", "annotations"])
def test_ab04_no_member_of_a_message_may_hold_media(
    serving: ServingFleet, canary: Canary, member: str
) -> None:
    url = f"http://127.0.0.1:{canary.port}/a.png"
    message = {"role": "user", "content": "hello", member: [{"url": url}]}
    (error,) = refusals(serving, [message])
    assert error["param"] == f"messages[0].{member}"
    assert canary.visits == 0


def test_ab04_what_a_client_sends_back_of_an_answer_passes(serving: ServingFleet) -> None:
    said: dict[str, Any] = {
        "role": "assistant",
        "content": [{"type": "text", "text": "see www.example.com"}],
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "reasoning_content": "I thought.",
    }
    messages = [{"role": "user", "content": "a", "name": "me"}, said, *HELLO]
    with serving.http() as client:
        body = {"model": MODEL, "messages": messages, "max_tokens": 1}
        answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert all(serving.stats(name)["fetched"] == [] for name in ENGINES)
