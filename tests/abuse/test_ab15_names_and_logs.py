"""AB15: names made up to fill the metrics, and text made up to forge lines in the logs."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Iterator
from urllib.parse import quote

import httpx

from tests.harness.footprint import resident
from tests.harness.raw_http import RawConnection, request
from tests.harness.serving_fleet import HELLO, MODEL, ServingFleet, chat

REQUESTS, BATCH = 10_000, 100
SEED = 15
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


def exposition(serving: ServingFleet) -> str:
    return httpx.get(serving.cluster.metrics_url("gateway"), timeout=10).text


def series(text: str) -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}


def invented(mark: str, chance: random.Random) -> Iterator[bytes]:
    """Yield requests whose every name is new."""
    for number in range(REQUESTS):
        name = f"{mark}{number}-{chance.getrandbits(64):x}"
        headers = {
            "authorization": f"Bearer sk-{name}",
            f"x-{name}": name,
            "user-agent": name,
            "x-request-id": name,
            "traceparent": f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-00",
            "openai-organization": name,
        }
        body = json.dumps({"model": name, "messages": HELLO, "user": name}).encode()
        target = chance.choice(
            ["/v1/chat/completions", f"/v1/models/{name}", f"/{name}", f"/v1/{name}?{name}={name}"]
        )
        yield request(chance.choice(METHODS[:5]), target, body, headers)


def test_ab15_invented_names_make_no_series(serving: ServingFleet) -> None:
    pid = serving.cluster.process("gateway").pid
    assert pid is not None
    # No number and no id of ours looks like it.
    mark = f"zq{secrets.token_hex(8)}"
    with serving.http() as client:
        # The same kinds of request with a good key, whose names do reach the look-up of models.
        for number in range(200):
            name = f"{mark}-{number}"
            assert client.post("/v1/chat/completions", json=chat(model=name)).status_code == 404
            assert client.get(f"/v1/models/{name}").status_code == 404
    before, memory = series(exposition(serving)), resident(pid)
    crowd = list(invented(mark, random.Random(SEED)))
    statuses: dict[int, int] = {}
    for start in range(0, REQUESTS, BATCH):
        # A connection for each batch: most clients would need one as well.
        with RawConnection(serving.cluster.port("gateway"), timeout=30) as connection:
            connection.send(b"".join(crowd[start : start + BATCH]))
            for _ in range(BATCH):
                status = connection.answer().status
                statuses[status] = statuses.get(status, 0) + 1
    assert set(statuses) <= {400, 401, 404, 405, 429}, statuses
    text = exposition(serving)
    assert mark not in text
    # One for each route, method and status that had not come yet: not one for each name.
    assert len(series(text) - before) < 400, sorted(series(text) - before)[:20]
    assert len(text) < 1 << 20
    assert resident(pid) - memory < 40 << 20
    assert mark not in serving.cluster.log("gateway")


HOSTILE = {
    "CRLF": "a\r\n{json}",
    "LF": "a\n{json}",
    "line separator": "a\u2028{json}",
    "paragraph separator": "a\u2029{json}",
    "next line": "a\x85{json}",
    "vertical tab": "a\x0b{json}",
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "one-byte escape": "\x9b2J",
    "right to left": "\u202etxt.exe",
    "NUL": "a\0b",
    "delete": "\x7f\x7f",
}


def test_ab15_no_text_forges_a_line(serving: ServingFleet) -> None:
    mark = secrets.token_hex(6)
    forged = json.dumps({"level": "critical", "message": f"forged {mark}"})
    begun = len(serving.cluster.log("gateway"))
    with serving.http() as client:
        for text in HOSTILE.values():
            name = text.replace("{json}", forged)
            for path, body in (
                ("/v1/chat/completions", {"model": name, "messages": HELLO}),
                ("/v1/chat/completions", {"model": MODEL, "messages": HELLO, name: 1}),
                ("/v1/chat/completions", {"model": MODEL, "messages": [{"role": name}]}),
                ("/v1/embeddings", {"model": name, "input": "a"}),
                ("/v1/fine_tuning/jobs", {"model": name, "training_file": name}),
            ):
                answer = client.post(path, json=body)
                # There is no trainer in this fleet.
                assert 400 <= answer.status_code <= 503, (path, answer.text)
                assert answer.status_code != 500
                _is_plain(answer.text)
            assert 400 <= client.get(f"/v1/models/{quote(name)}").status_code < 500
            assert 400 <= client.get(f"/v1/{quote(name)}").status_code < 500
            upload = {"file": (name, b"a", name)}
            assert client.post("/v1/files", files=upload).status_code < 500
    # Headers as bytes, since no library would send them.
    for text in HOSTILE.values():
        with RawConnection(serving.cluster.port("gateway")) as connection:
            value = text.replace("{json}", mark).encode("utf-8").replace(b"\n", b"\n ")
            connection.send(
                b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: " + value
                + b"\r\nuser-agent: " + value + b"\r\ntraceparent: " + value + b"\r\n\r\n"
            )  # fmt: skip
            connection.until_closed()
    log = serving.cluster.log("gateway")[begun:]
    assert log.endswith("\n")
    for line in log.split("\n")[:-1]:
        assert line.isprintable(), repr(line)
        entry = json.loads(line)
        assert entry["part"] == "gateway", line
        assert not str(entry["message"]).startswith("forged"), line


def _is_plain(text: str) -> None:
    """An error shows a client's text in a form that no terminal obeys."""
    message = json.loads(text)["error"]["message"]
    assert all(character.isprintable() for character in message), repr(message)
