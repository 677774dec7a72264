"""What every answer carries, and how the edge says no."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

ERROR_FIELDS = {"message", "type", "param", "code"}


async def test_every_answer_carries_openais_headers(fleet: Any) -> None:
    async with fleet.http() as client:
        answers = [
            await client.get("/v1/models"),
            await client.get("/v1/nothing"),
            await client.get("/v1/models", headers={"authorization": "Bearer wrong"}),
        ]
    for answer in answers:
        assert answer.headers["x-request-id"].startswith("req_")
        assert answer.headers["openai-processing-ms"].isdigit()
        assert answer.headers["openai-version"] == "2020-10-01"
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert answers[0].headers["openai-organization"] == "argosy"
    assert "openai-organization" not in answers[2].headers


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v1/xyz", 404, "Invalid URL (GET /v1/xyz)"),
        ("POST", "/v1/files/a/b/c", 404, "Invalid URL (POST /v1/files/a/b/c)"),
        ("GET", "/", 404, "Invalid URL (GET /)"),
        ("GET", "/schema", 404, "Invalid URL (GET /schema)"),
        ("GET", "/schema/openapi.json", 404, "Invalid URL (GET /schema/openapi.json)"),
        ("PUT", "/v1/models", 405, "Not allowed to PUT on /v1/models."),
        ("PUT", "/v1/chat/completions", 405, "Not allowed to PUT on /v1/chat/completions."),
        ("GET", "/v1/embeddings", 405, "Not allowed to GET on /v1/embeddings."),
    ],
)
async def test_unknown_routes_and_methods(
    fleet: Any, method: str, path: str, status: int, message: str
) -> None:
    async with fleet.http() as client:
        answer = await client.request(method, path)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert set(error) == ERROR_FIELDS
    assert error["message"].startswith(message)
    assert error["type"] == "invalid_request_error"


async def test_a_path_that_no_id_needs_is_404(fleet: Any) -> None:
    async with fleet.http() as client:
        answer = await client.get("/v1/models/" + "x" * 5000)
    assert answer.status_code == 404
    assert "longer than 1024 characters" in answer.json()["error"]["message"]


async def test_a_wrong_key_is_401_before_the_body_is_read(served: Any) -> None:
    sdk = served.sdk().with_options(api_key="sk-wrong")
    with pytest.raises(openai.AuthenticationError) as caught:
        await sdk.embeddings.create(model="m", input="x" * 200_000)
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b'{"model": "\xff"}', 400),
        (b'{"model": "\\ud800", "input": "a"}', 400),
        (b'{"input": ' + b"[" * 50_000, 400),
        (b"x" * 100_001, 413),
    ],
)
async def test_bad_json_and_large_bodies(served: Any, body: bytes, status: int) -> None:
    async def pieces() -> Any:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    async with served.http() as client:
        declared = await client.post("/v1/embeddings", content=body)
        chunked = await client.post("/v1/embeddings", content=pieces())
    for answer in (declared, chunked):
        assert answer.status_code == status, answer.text
        assert set(answer.json()["error"]) == ERROR_FIELDS
    if status == 413:
        assert "100000 bytes" in declared.json()["error"]["message"]


async def test_a_body_that_does_not_arrive_is_408(served: Any) -> None:
    host, port = served.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_service_that_is_gone_is_503_and_says_when_to_come_back(fleet: Any) -> None:
    await fleet.server.stop(0)
    async with fleet.http() as client:
        for path in ("/v1/files", "/v1/fine_tuning/jobs/ftjob-1", "/v1/files/file-1/content"):
            answer = await client.get(path)
            assert answer.status_code == 503, path
            assert int(answer.headers["retry-after"]) >= 1
            assert "does not answer" in answer.json()["error"]["message"]
        form = {"purpose": "evals"}
        answer = await client.post("/v1/files", data=form, files={"file": ("a", b"x" * 2_000_000)})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "service_unavailable"


async def test_requests_are_counted_by_route_and_not_by_path(fleet: Any) -> None:
    async with fleet.http() as client:
        for number in range(20):
            await client.get(f"/v1/files/file-{number}")
            await client.get(f"/v1/made-up-{number}")
    routes = {
        sample.labels["route"]
        for metric in fleet.metrics.collect()
        for sample in metric.samples
        if metric.name == "argosy_gateway_http_request_seconds"
    }
    assert routes == {"/v1/files/{file_id}", "unknown"}
