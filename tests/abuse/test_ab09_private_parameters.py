"""AB09: a client reaches for the engine's private side. The engine never hears of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.harness.serving_fleet import ENGINES, HELLO, ServingFleet

MODEL = "smollm2-135m-instruct"
PRIVATE: dict[str, Any] = {
    "prompt_embeds": base64.b64encode(b"PK\3\4").decode(),  # CVE-2025-62164
    "cache_salt": "x",
    "priority": -1,
    "kv_transfer_params": {"do_remote_decode": True},
    "ec_transfer_params": {},
    "vllm_xargs": {"a": 1},
    "lora_path": "/etc",
    "lora_request": {"lora_name": "a", "lora_path": "/etc"},
    "chat_template": "{{ ''.__class__ }}",
    "mm_processor_kwargs": {},
    "media_io_kwargs": {},
    "structured_outputs": {"regex": "(a+)+$"},
    "guided_regex": "(a+)+$",
    "request_id": "forged",
    "session_id": "forged",
    "use_beam_search": True,
    "prompt_logprobs": 10**6,
    "return_token_ids": True,
    "documents": [],
    "__proto__": {},
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": MODEL, "messages": HELLO},
    "/v1/completions": {"model": MODEL, "prompt": "hello"},
}


def heard(serving: ServingFleet) -> int:
    return sum(int(serving.stats(name)["requests"]) for name in ENGINES)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", PRIVATE)
def test_ab09_private_parameters_are_refused_by_name(
    serving: ServingFleet, path: str, name: str
) -> None:
    before = heard(serving)
    with serving.http() as client:
        answer = client.post(path, json=BODIES[path] | {name: PRIVATE[name]})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (name, "unrecognized_request_argument")
    assert name in error["message"]
    assert heard(serving) == before


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"%s","messages":[{"role":"user","content":"a"}],"prompt\\u005fembeds":"x"}',
        b'{"prompt_embeds":"x","model":"%s","messages":[{"role":"user","content":"a"}],'
        b'"prompt_embeds":null}',
    ],
    ids=["escaped", "hidden behind null"],
)
def test_ab09_spelling_tricks_do_not_help(serving: ServingFleet, raw: bytes) -> None:
    before = heard(serving)
    with serving.http() as client:
        answer = client.post("/v1/chat/completions", content=raw % MODEL.encode())
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "prompt_embeds"
    assert heard(serving) == before


@pytest.mark.parametrize("kind", ["prompt_embeds", "image_embeds", "image_url", "file"])
def test_ab09_private_parts_of_a_message_are_refused(serving: ServingFleet, kind: str) -> None:
    before = heard(serving)
    message = {"role": "user", "content": [{"type": kind, kind: "x"}]}
    with serving.http() as client:
        answer = client.post("/v1/chat/completions", json={"model": MODEL, "messages": [message]})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("messages[0].content[0]")
    assert heard(serving) == before


def test_ab09_only_what_was_checked_arrives(serving: ServingFleet) -> None:
    allowed = {"temperature": 0.1, "top_k": 5, "store": True, "user": "me", "seed": 1}
    with serving.http() as client:
        body = BODIES["/v1/chat/completions"] | allowed
        assert client.post("/v1/chat/completions", json=body).status_code == 200
    bodies = [body for name in ENGINES for body in serving.stats(name)["bodies"]]
    seen = next(body for body in reversed(bodies) if body.get("seed") == 1)
    assert seen.keys() == {
        "model",
        "messages",
        "temperature",
        "top_k",
        "seed",
        "cache_salt",  # the gateway's own
    }
