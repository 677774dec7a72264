"""AB14: a client tries to reach through the gateway what only the gateway may: an engine's admin
routes, and a second request hidden in the first. Only the listed routes exist.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any
from urllib.parse import unquote

import pytest

from tests.harness.raw_http import RawAnswer, RawConnection, answers_of, request
from tests.harness.serving_fleet import ENGINES, HELLO, MODEL, ServingFleet

# What vLLM, FastAPI, our own health port and proxies would answer to.
FOREIGN = [
    "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/metrics", "/health", "/livez", "/readyz",
    "/ping", "/version", "/load", "/server_info", "/sleep", "/wake_up", "/is_sleeping",
    "/collective_rpc", "/reset_prefix_cache", "/start_profile", "/stop_profile", "/tokenize",
    "/detokenize", "/pooling", "/classify", "/score", "/v1/score", "/rerank", "/v1/rerank",
    "/v2/rerank", "/invocations", "/scale_elastic_ep", "/inference/v1/generate", "/docs",
    "/openapi.json", "/redoc", "/schema", "/_stats", "/_fault", "/_fake/requests", "/generate",
    "/generate_stream", "/info", "/admin", "/debug/pprof", "/.env", "/", "//", "/v1", "/v1/",
]  # fmt: skip
# Spellings by which one parser sees one of our routes and another one of the engine's.
SPELLINGS = [
    "/v1/chat/completions/..;/load_lora_adapter", "/v1/..;/metrics", "/v1/models/..;/..;/metrics",
    "/v1/%2e%2e/metrics", "/v1/chat/%2e%2e/load_lora_adapter", "/v1/%2E%2E%2Fmetrics",
    "/v1/..%2fmetrics", "/v1/..%5cmetrics", "/v1/..\\metrics", "/v1/%252e%252e/metrics",
    "/v1/chat/../load_lora_adapter", "/./metrics", "/v1/./load_lora_adapter",
    "/%6detrics", "/v1/load_lora_adapter/", "/V1/LOAD_LORA_ADAPTER", "/v1/load_lora_adapter%00",
    "/v1/load_lora_adapter?x=/v1/models", "/v1/load_lora_adapter#/v1/models", "/metrics;/v1/models",
    "/v1/chat/completions/", "/v1//chat/completions", "//v1/chat/completions",
    "/v1/chat%2fcompletions", "/v1/chat/completions%20", "/v1/chat/completions;a=b",
    "/v1/chat/completions%0d%0ax", "/v1/chat/completions/x", "/v1/Chat/Completions",
    "http://127.0.0.1/metrics", "http://engine/v1/load_lora_adapter", "https://x/v1/models",
    "http://user@gateway/v1/chat/completions", "ftp://x/", "gateway:80", "*", "@/metrics",
]  # fmt: skip


def body_of(mark: str, **more: Any) -> bytes:
    wanted = {"model": MODEL, "messages": HELLO, "max_tokens": 1, "stop": mark}
    return json.dumps(wanted | more).encode()


def heard_of(serving: ServingFleet, mark: str) -> int:
    """Return how many completions with a mark have reached an engine."""
    bodies = [body for name in ENGINES for body in serving.stats(name)["bodies"]]
    return sum(1 for body in bodies if body.get("stop") == mark)


def raw(serving: ServingFleet, data: bytes) -> list[RawAnswer]:
    """Send bytes; return what came until the gateway closed, which it must."""
    with RawConnection(serving.cluster.port("gateway"), timeout=5) as connection:
        connection.send(data)
        return answers_of(connection.until_closed())


def authorized(serving: ServingFleet) -> dict[str, str]:
    return {"authorization": f"Bearer {serving.cluster.key}", "content-type": "application/json"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ab14_only_listed_routes_exist(serving: ServingFleet, method: str) -> None:
    before = [serving.stats(name) for name in ENGINES]
    mark = secrets.token_hex(8)
    body = json.dumps({"lora_name": mark, "lora_path": "/etc", "stop": mark}).encode()
    wrong = {}
    with RawConnection(serving.cluster.port("gateway")) as connection:
        for path in FOREIGN:
            connection.send(request(method, path, body, authorized(serving)))
            answer = connection.answer()
            if answer.status not in {404, 405} or b'"error"' not in answer.body:
                wrong[path] = answer
    assert not wrong
    assert [serving.stats(name)["loads"] for name in ENGINES] == [s["loads"] for s in before]
    assert heard_of(serving, mark) == 0


# Of the ordinary API, when it is read; the lane's own takes POST.
STORED = "/v1/chat/completions"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ab14_no_spelling_leads_elsewhere(serving: ServingFleet, method: str) -> None:
    loads = [serving.stats(name)["loads"] for name in ENGINES]
    mark = secrets.token_hex(8)
    wrong = {}
    for target in SPELLINGS:
        if method == "GET" and re.sub("/+", "/", unquote(target)).rstrip("/") == STORED:
            # Lists the completions that are stored: the ordinary API decodes a path, since names
            # of models hold slashes, and takes slashes together.
            continue
        headers = authorized(serving) | {"connection": "close"}
        found = raw(serving, request(method, target, body_of(mark), headers))
        if len(found) != 1 or found[0].status not in {400, 404, 405}:
            wrong[target] = found
    assert not wrong
    assert heard_of(serving, mark) == 0
    assert [serving.stats(name)["loads"] for name in ENGINES] == loads


def test_ab14_methods(serving: ServingFleet) -> None:
    port = serving.cluster.port("gateway")
    for method in ("CONNECT", "TRACE", "PROPFIND", "PURGE", "OPTIONS", "HEAD", "PUT", "PATCH"):
        for target in ("/v1/chat/completions", "/metrics"):
            with RawConnection(port) as connection:
                headers = authorized(serving) | {"connection": "close"}
                connection.send(request(method, target, b"", headers))
                first = connection.until_closed().split(b"\r\n")[0]
                refused = {b"400", b"404", b"405"}
                if (method, target) == ("OPTIONS", "/v1/chat/completions"):
                    # Tells which methods the list of stored completions takes.
                    refused = {b"204"}
                assert first.split(b" ")[1] in refused, (method, target, first)


# Each hides a request for another path; two readers that disagree on where the first one ends
# would let it out. `{hidden}` is that request, `{length}` its length.
SMUGGLED = {
    "TE and CL": "content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
    "CL and TE": "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n{hidden}",
    "two CL": "content-length: 0\r\ncontent-length: {length}\r\n\r\n{hidden}",
    "two equal CL": "content-length: 3\r\ncontent-length: 3\r\n\r\nabc{hidden}",
    "CL list": "content-length: 0, {length}\r\n\r\n{hidden}",
    "CL plus": "content-length: +0\r\n\r\n{hidden}",
    "CL minus": "content-length: -1\r\n\r\n{hidden}",
    "CL hex": "content-length: 0x0\r\n\r\n{hidden}",
    "CL words": "content-length: none\r\n\r\n{hidden}",
    "CL empty": "content-length: \r\n\r\n{hidden}",
    "CL huge": "content-length: 184467440737095516160\r\n\r\n{hidden}",
    "CL with space before colon": "content-length : {length}\r\n\r\n{hidden}",
    "TE with space before colon": "transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}",
    "TE twice": "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
    "TE not last": "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}",
    "TE unknown": "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
    "TE tab": "transfer-encoding:\tchunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}",
    "TE identity": "transfer-encoding: identity\r\ncontent-length: 0\r\n\r\n{hidden}",
    "TE folded": "transfer-encoding:\r\n chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}",
    "TE quoted": 'transfer-encoding: "chunked"\r\ncontent-length: 0\r\n\r\n{hidden}',
    "TE vertical tab": "transfer-encoding: \x0bchunked\r\ncontent-length: 0\r\n\r\n{hidden}",
    "bare LF": "x: y\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}",
    "bare CR": "x: y\rtransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}",
    "NUL": "x: y\0\r\ncontent-length: 0\r\n\r\n{hidden}",
    "no colon": "x y\r\ncontent-length: 0\r\n\r\n{hidden}",
    "space in a name": "x y: z\r\ncontent-length: 0\r\n\r\n{hidden}",
    "folded": "x: y\r\n content-length: 0\r\n\r\n{hidden}",
    "chunk size with sign": "transfer-encoding: chunked\r\n\r\n+0\r\n\r\n{hidden}",
    "chunk size with prefix": "transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n{hidden}",
    "chunk size too large": "transfer-encoding: chunked\r\n\r\n10000000000000000\r\n\r\n{hidden}",
    "chunk size negative": "transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{hidden}",
    "chunk without its end": "transfer-encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n{hidden}",
    "chunk ended by LF": "transfer-encoding: chunked\r\n\r\n0\n\n{hidden}",
}  # fmt: skip


@pytest.mark.parametrize("kind", SMUGGLED)
@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/files", "/nowhere"])
def test_ab14_no_request_hides_in_another(serving: ServingFleet, target: str, kind: str) -> None:
    mark = secrets.token_hex(8)
    hidden = request("POST", "/v1/chat/completions", body_of(mark), authorized(serving))
    tail = SMUGGLED[kind].format(length=len(hidden), hidden="\0").encode("latin-1")
    before, _, after = tail.rpartition(b"\0")
    head = f"POST {target} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {serving.cluster.key}"
    found = raw(serving, head.encode() + b"\r\n" + before + hidden + after)
    # At most a refusal, and then nothing more on this connection.
    assert len(found) == 1, found
    assert found[0].status in {400, 501}, found
    assert heard_of(serving, mark) == 0


@pytest.mark.parametrize("version", ["HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/11", "HTTQ/1.1", ""])
def test_ab14_versions(serving: ServingFleet, version: str) -> None:
    mark = secrets.token_hex(8)
    headers = authorized(serving) | {"connection": "close"}
    good = request("POST", "/v1/chat/completions", body_of(mark), headers)
    found = raw(serving, good.replace(b"HTTP/1.1", version.encode(), 1))
    assert [answer.status for answer in found] in ([400], [505], [])
    assert heard_of(serving, mark) == 0


def test_ab14_pipelined_requests_are_answered_in_order(serving: ServingFleet) -> None:
    marks = [secrets.token_hex(8) for _ in range(5)]
    each = [
        request(
            "POST", "/v1/chat/completions", body_of(marks[0], stream=True), authorized(serving)
        ),
        request("GET", "/v1/models", b"", authorized(serving)),
        request("POST", "/v1/chat/completions", body_of(marks[1]), authorized(serving)),
        request("GET", "/metrics", b"", authorized(serving)),
        request("POST", "/v1/chat/completions", b"{", authorized(serving)),
        request("POST", "/v1/chat/completions", body_of(marks[2]), {}),
        request("POST", "/v1/chat/completions", body_of(marks[3]), authorized(serving)),
    ]
    with RawConnection(serving.cluster.port("gateway")) as connection:
        connection.send(b"".join(each))
        found = [connection.answer() for _ in each]
    assert [answer.status for answer in found] == [200, 200, 200, 404, 400, 401, 200]
    assert found[0].body.endswith(b"data: [DONE]\n\n")
    assert MODEL.encode() in found[1].body
    assert json.loads(found[6].body)["choices"]
    assert [heard_of(serving, mark) for mark in marks] == [1, 1, 0, 1, 0]


FORGED = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "engine",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/admin",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=engine;proto=https",
    "X-Original-URL": "/metrics",
    "X-Rewrite-URL": "/metrics",
    "X-HTTP-Method-Override": "DELETE",
    "X-Method-Override": "DELETE",
    "Cookie": "session=admin",
    "X-API-Key": "sk-other",
    "X-Request-Id": "forged-by-the-client",
    "X-Data-Parallel-Rank": "7",
    "X-Session-Id": "forged",
    "Proxy-Authorization": "Basic eA==",
    "Connection": "keep-alive, authorization",
    "TE": "trailers",
    "Upgrade-Insecure-Requests": "1",
    "Baggage": "a=b",
}


def test_ab14_forged_headers_change_nothing(serving: ServingFleet) -> None:
    with serving.http() as client:
        plain = client.get("/v1/models")
        forged = client.get("/v1/models", headers=FORGED)
        assert (forged.status_code, forged.text) == (plain.status_code, plain.text)
        assert forged.headers["x-request-id"] != FORGED["X-Request-Id"]
        foreign = client.get("/metrics", headers=FORGED)
        assert foreign.status_code == 404
        mark = secrets.token_hex(8)
        answer = client.post("/v1/chat/completions", content=body_of(mark), headers=FORGED)
        assert answer.status_code == 200
    (name,) = [
        name
        for name in ENGINES
        if any(body.get("stop") == mark for body in serving.stats(name)["bodies"])
    ]
    seen = serving.stats(name)["headers"]
    # The gateway's own, and nothing of the client's: above all not its key.
    assert seen.keys() <= {
        "host", "content-type", "content-length", "authorization", "x-request-id", "traceparent",
        "accept", "connection",
    }  # fmt: skip
    assert serving.cluster.key not in json.dumps(seen)
    assert seen["x-request-id"] == answer.headers["x-request-id"]
    assert not {value for value in FORGED.values() if value in seen.values()} - {"trailers"}
