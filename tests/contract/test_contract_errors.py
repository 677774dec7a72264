"""Errors of the whole fleet: OpenAI's shape, the right status, and a message that helps."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.harness.api_fleet import ApiFleet

CHAT = "smollm2-135m-instruct"
HELLO = [{"role": "user", "content": "hello"}]
PATHS = (
    ("GET", "/v1/models"),
    ("GET", "/v1/files"),
    ("GET", "/v1/fine_tuning/jobs"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
)


def error_of(answer: Any) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"].startswith("req_")
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_wrong_key_is_401_with_one_body_everywhere(
    fleet: ApiFleet, method: str, path: str
) -> None:
    with fleet.http(key="sk-wrong") as client:
        answer = client.request(method, path, json={} if method == "POST" else None)
        reference = client.get("/v1/models")
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "invalid_api_key"
    assert answer.content == reference.content
    assert "sk-wrong" not in answer.text


def test_no_key_is_401(fleet: ApiFleet) -> None:
    with fleet.http() as client:
        del client.headers["authorization"]
        for method, path in PATHS:
            answer = client.request(method, path)
            assert answer.status_code == 401
            assert "Authorization" in error_of(answer)["message"]


@pytest.mark.parametrize("path", ["/v1/xyz", "/v1/chat", "/v1/models/a/../../x", "/metrics", "/"])
def test_an_unknown_route_is_404(fleet: ApiFleet, path: str) -> None:
    with fleet.http() as client:
        answer = client.post(path, json={})
    assert answer.status_code in {404, 405}
    if answer.status_code == 404:
        assert error_of(answer)["message"].startswith("Invalid URL (POST ")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/completions"])
def test_a_wrong_method_is_405(fleet: ApiFleet, path: str) -> None:
    with fleet.http() as client:
        answer = client.put(path)
    assert answer.status_code == 405
    assert error_of(answer)["code"] == "method_not_supported"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
def test_an_unknown_model_is_404(fleet: ApiFleet, path: str) -> None:
    body = {"model": "nobody", "messages": HELLO, "prompt": "a", "input": "a"}
    field = {
        "/v1/chat/completions": "messages",
        "/v1/completions": "prompt",
        "/v1/embeddings": "input",
    }[path]
    with fleet.http() as client:
        answer = client.post(path, json={"model": "nobody", field: body[field]})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "`nobody` does not exist" in error["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/fine_tuning/jobs"])
@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"model": "\xff"}'])
def test_broken_json_is_400(fleet: ApiFleet, path: str, body: bytes) -> None:
    with fleet.http() as client:
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert error_of(answer)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/chat/completions", {"messages": HELLO}, "model"),
        ("/v1/chat/completions", {"model": 5, "messages": HELLO}, "model"),
        ("/v1/chat/completions", {"model": CHAT, "messages": HELLO, "stream": "yes"}, "stream"),
        ("/v1/embeddings", {"model": 5, "input": "a"}, "model"),
        ("/v1/fine_tuning/jobs", {"model": CHAT}, "training_file"),
        ("/v1/fine_tuning/jobs", {"model": CHAT, "training_file": 1}, "training_file"),
    ],
)
def test_a_wrong_type_names_its_field(
    fleet: ApiFleet, path: str, body: dict[str, Any], param: str
) -> None:
    with fleet.http() as client:
        answer = client.post(path, json=body)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/fine_tuning/jobs"])
def test_a_body_over_the_limit_is_413(fleet: ApiFleet, path: str) -> None:
    with fleet.http() as client:
        answer = client.post(path, content=b" " * (4 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert "4194304" in error_of(answer)["message"]


def test_images_on_a_text_model_are_refused(fleet: ApiFleet) -> None:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    with pytest.raises(openai.BadRequestError, match="image"):
        fleet.sdk().chat.completions.create(
            model=CHAT,
            messages=[{"role": "user", "content": content}],  # type: ignore[list-item]
        )
