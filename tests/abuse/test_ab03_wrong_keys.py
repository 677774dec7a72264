"""AB03: 10,000 wrong keys: refused, soon without being checked; right keys go on working."""

from __future__ import annotations

import hmac
import random
import statistics
import time
from pathlib import Path

import httpx
import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.catalog import Catalog
from argosy.kit.errors import Unauthenticated

from tests.harness.footprint import resident
from tests.harness.lone_gateway import KEY, PoolOf, lone_gateway
from tests.harness.raw_http import RawConnection

WRONG = 10_000
A_MINUTE = 60
MEGABYTE = 1 << 20


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models"])
def test_ab03_a_flood_of_wrong_keys(tmp_path: Path, path: str) -> None:
    """On the lane and on the ordinary API, which have their own ways in and one check of keys."""
    body = b'{"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}'
    method = "GET" if path.endswith("models") else "POST"
    with lone_gateway(tmp_path, PoolOf("tiny", 1)) as gateway, gateway.http() as known:
        counts: dict[tuple[int, str], int] = {}
        before, begun = resident(gateway.process.pid), time.monotonic()
        with RawConnection(gateway.port) as connection:
            for number in range(WRONG):
                head = (
                    f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                    f"authorization: Bearer sk-wrong-{number:08d}\r\n"
                    f"content-length: {len(body)}\r\n\r\n"
                )
                connection.send(head.encode() + body)
                answer = connection.answer()
                code = httpx.Response(200, content=answer.body).json()["error"]["code"]
                counts[answer.status, code] = counts.get((answer.status, code), 0) + 1
                if answer.status == 429:
                    assert int(answer.headers["retry-after"]) >= 1
                if number % 1000 == 0:
                    # From the same address, in the middle of the flood.
                    assert known.get("/models").status_code == 200
        minutes = (time.monotonic() - begun) / 60
        assert set(counts) == {(401, "invalid_api_key"), (429, "too_many_wrong_keys")}
        assert A_MINUTE <= counts[401, "invalid_api_key"] <= A_MINUTE * (1 + minutes) + 1
        assert resident(gateway.process.pid) - before < 10 * MEGABYTE
        assert "sk-wrong" not in gateway.log.read_text()
        with gateway.http(KEY) as again:
            asked = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
            assert again.post("/chat/completions", json=asked).status_code == 200


def test_ab03_the_time_of_a_check_tells_nothing_of_the_keys_that_exist() -> None:
    """A key that differs in its last character takes as long as one that differs in all."""
    secret = "sk-argosy-" + "k" * 43
    catalog = Catalog()
    digest = hmac.digest(b"pepper", secret.encode(), "sha256")
    catalog.apply(pb.WatchResponse(key=pb.Key(id="k", digest=digest, project_id="p")))
    authenticator = Authenticator(catalog, b"pepper", lambda: True)
    authenticator.identify([b"Bearer " + secret.encode()])
    seed = 7
    chance = random.Random(seed)
    near = b"Bearer " + secret[:-1].encode()
    samples: tuple[list[int], list[int]] = ([], [])

    def one(kind: int) -> None:
        last = b"%c" % chance.choice(b"abcdefghij")
        header = near + last if kind else b"Bearer " + bytes(chance.choices(b"xyz", k=52)) + last
        begun = time.perf_counter_ns()
        try:
            authenticator.identify([header])
        except Unauthenticated:
            samples[kind].append(time.perf_counter_ns() - begun)

    for _ in range(20_000):
        one(chance.randrange(2))
    far, close = (statistics.median(found) for found in samples)
    assert 0.9 < close / far < 1.1, f"seed {seed}: {close} ns and {far} ns"
