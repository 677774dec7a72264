"""AB01: hostile `Authorization` headers. One constant refusal, and nothing of them is kept."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from tests.harness.invariants import no_canary
from tests.harness.serving_fleet import ServingFleet, chat

CANARY = "ab01canary"
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/files", "/v1/embeddings")
HOSTILE = {
    "sql": f"Bearer {CANARY}' OR '1'='1' --".encode(),
    "stacked": f"Bearer {CANARY}'; DROP TABLE registry.api_key; --".encode(),
    "format": f"Bearer {CANARY}%s%n{{0}}".encode(),
    "megabyte": b"Bearer " + CANARY.encode() * ((1 << 20) // len(CANARY)),
    "unicode": f"Bearer {CANARY}\u202e\u2603".encode(),
    "bytes": f"Bearer {CANARY}".encode() + b"\xff\xfe\x80",
    "basic": f"Basic {CANARY}".encode(),
    "none": CANARY.encode(),
    "two words": f"Bearer {CANARY} {CANARY}".encode(),
}


def raw(serving: ServingFleet, path: str, header: bytes) -> tuple[int, bytes]:
    """Send a header that no client library would; return status and body."""
    port = serving.cluster.port("gateway")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".encode()
            + b"authorization: " + header + b"\r\ncontent-length: 2\r\n\r\n{}"
        )  # fmt: skip
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


@pytest.fixture(scope="module")
def refusal(serving: ServingFleet) -> bytes:
    """The body that a merely wrong key gets."""
    status, body = raw(serving, PATHS[0], b"Bearer sk-wrong")
    assert status == 401
    assert json.loads(body)["error"]["code"] == "invalid_api_key"
    return body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_ab01_one_constant_refusal(
    serving: ServingFleet, refusal: bytes, kind: str, path: str
) -> None:
    assert raw(serving, path, HOSTILE[kind]) == (401, refusal)


@pytest.mark.parametrize("path", PATHS)
def test_ab01_what_http_forbids_never_reaches_a_route(serving: ServingFleet, path: str) -> None:
    status, body = raw(serving, path, f"Bearer {CANARY}\0".encode())
    assert status in {400, 401}
    assert CANARY.encode() not in body


def test_ab01_two_keys_are_none(serving: ServingFleet) -> None:
    good = f"Bearer {serving.cluster.key}"
    answer = httpx.post(
        f"{serving.cluster.url()}/v1/chat/completions",
        headers=[("authorization", good), ("authorization", good)],
        json=chat(),
        timeout=10,
    )
    assert answer.status_code == 401


def test_ab01_nothing_is_kept_and_the_gateway_lives(serving: ServingFleet) -> None:
    before = serving.cluster.process("gateway").pid
    for header in HOSTILE.values():
        raw(serving, PATHS[0], header)
    # A key is never looked up in the database, so no statement can hold one.
    no_canary(serving.cluster, CANARY)
    assert serving.cluster.sql("SELECT count(*) FROM registry.api_key")[0][0] != "0"
    with serving.http() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
    assert serving.cluster.process("gateway").pid == before
