"""AB12: nothing that users said stands in logs, traces, metrics, events, or what a crash leaves.

Each kind of text gets a word of its own, is sent wherever it can be, well and badly formed, and is
then looked for in everything that a fleet with default settings writes for its operator.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.harness.api_fleet import FAKE_WORKER
from tests.harness.cluster import MODEL, Cluster
from tests.harness.otlp import Receiver, receiving
from tests.harness.prepared_home import PreparedHomes
from tests.harness.waiting import wait_until

KINDS = (
    "prompt", "completion", "dataset", "filename", "webhook", "error", "person", "metadata",
)  # fmt: skip
OURS = ("registry", "trainer", "embedder", "gateway")
# Prices so high that the first request meets the alert's threshold.
PRICES = '\n[[price]]\nmodel = "*"\ninput = 10000.0\noutput = 10000.0\n'


@dataclass
class Told:
    """The words, what else must not be seen, and where it would be."""

    cluster: Cluster
    receiver: Receiver
    control: Path
    words: dict[str, str] = field(
        default_factory=lambda: {kind: f"canary{kind}{secrets.token_hex(6)}" for kind in KINDS}
    )
    keys: list[str] = field(default_factory=list)

    def http(self, key: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {key or self.cluster.key}"}
        return httpx.Client(base_url=self.cluster.url(), headers=headers, timeout=60)

    def fault(self, **faults: Any) -> None:
        url = f"{self.cluster.url('engine')}/_fault"
        httpx.post(url, json={"reset": True} | faults, timeout=10).raise_for_status()


class Hook:
    """A user's webhook that takes nothing, so that it is tried again."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                calls.append(self.path)
                self.send_response(500)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("ab12")
    control = folder / "worker.json"
    with receiving() as receiver:
        cluster = Cluster(
            folder / "home",
            prepared_homes=prepared_homes,
            worker_command=[sys.executable, str(FAKE_WORKER), "--control", str(control)],
            environment={
                # Nothing but where to send spans, all of which are recorded by default.
                "*": {"ARGOSY_OTLP_ENDPOINT": receiver.url},
                "registry": {
                    "ARGOSY_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1",
                    "ARGOSY_WEBHOOK_SECONDS": "0.2",
                    "ARGOSY_SPEND_SECONDS": "0.5",
                    "ARGOSY_COST_GAUGE_SECONDS": "1",
                },
                "trainer": {"ARGOSY_CRASH_RETRIES": "0"},
            },
            catalog=PRICES,
        )
        try:
            yield Told(cluster.start(), receiver, control)
        finally:
            cluster.stop()


# What is said, and how badly


def speak(told: Told) -> None:
    """Prompts and completions: whole and streamed, refused by the gateway and by the engine."""
    prompt, wrong, meta = (told.words[k] for k in ("prompt", "error", "metadata"))
    chat: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": prompt}],
        "max_tokens": 3,
        "user": meta,
        "stop": [prompt],
    }
    told.fault(says=told.words["completion"])
    with told.http() as client:
        for more in ({}, {"stream": True}, {"metadata": {"a": meta}, "store": False}):
            assert client.post("/v1/chat/completions", json=chat | more).status_code < 500
        body = {"model": MODEL, "prompt": prompt, "max_tokens": 2}
        answer = client.post("/v1/completions", json=body)
        assert told.words["completion"] in answer.text
        client.post("/v1/embeddings", json={"model": "use-multilingual-v3", "input": prompt})
        for bad in (
            {"temperature": wrong}, {wrong: wrong}, {"model": wrong}, {"messages": wrong},
            {"messages": [{"role": wrong, "content": wrong}]}, {"max_tokens": wrong},
            {"response_format": {"type": wrong}}, {"tools": [{"type": wrong}]}, {"n": wrong},
        ):  # fmt: skip
            assert client.post("/v1/chat/completions", json=chat | bad).status_code < 500
        for raw in (f'{{"model": "{wrong}', f"{wrong}", f'{{"messages": ["{wrong}"]}}'):
            for path in ("/v1/chat/completions", "/v1/embeddings", "/v1/fine_tuning/jobs"):
                assert 400 <= client.post(path, content=raw).status_code < 500
        client.post("/v1/embeddings", json={"model": wrong, "input": [{wrong: wrong}]})
        for path in (f"/v1/{wrong}", f"/v1/models/{wrong}", f"/v1/files/{wrong}?{wrong}={wrong}"):
            assert 400 <= client.get(path).status_code < 500
    # The engine breaks off, quotes the prompt in its error, and talks nonsense.
    for faults in (
        {"status": 500}, {"status": 400}, {"error_after_tokens": 1}, {"malformed_after_tokens": 1},
        {"end_after_tokens": 1},
    ):  # fmt: skip
        told.fault(says=prompt, **faults)
        with told.http() as client:
            for more in ({}, {"stream": True}):
                client.post("/v1/chat/completions", json=chat | more)
    told.fault()


def train(told: Told) -> None:
    """Lines of data sets: good ones, bad ones, and a training process that spills them and dies."""
    line, name, meta = (told.words[k] for k in ("dataset", "filename", "metadata"))
    good = {"messages": [{"role": "user", "content": line}, {"role": "assistant", "content": line}]}
    with told.http() as client:

        def upload(content: str) -> httpx.Response:
            parts = {"file": (f"{name}.jsonl", io.BytesIO(content.encode()))}
            return client.post("/v1/files", files=parts, data={"purpose": "fine-tune"})

        for bad in (
            f'{{"messages": "{line}"}}', f"{line}", f'{{"{line}": 1}}', f'{{"messages": [{{"{line}',
            json.dumps({"messages": [{"role": line, "content": line}]}),
            json.dumps({"messages": [{"role": "user", "content": {line: line}}]}),
        ):  # fmt: skip
            assert upload(f"{bad}\n" * 10).status_code == 400
        files = [upload(f"{json.dumps(good)}\n" * 10).json()["id"] for _ in range(2)]
        told.control.write_text(json.dumps({"lives": [{"spill": True}]}))
        ends = set()
        for file in files:
            job = client.post(
                "/v1/fine_tuning/jobs",
                json={
                    "model": MODEL, "training_file": file, "suffix": meta[:18],
                    "metadata": {"a": meta}, "argosy": {"max_steps": 2},
                },
            ).json()  # fmt: skip
            ends.add(_end(client, job["id"]))
            told.control.unlink(missing_ok=True)
        assert ends == {"failed", "succeeded"}


def _end(client: httpx.Client, job_id: str) -> str:
    def ended() -> str:
        status: str = client.get(f"/v1/fine_tuning/jobs/{job_id}").json()["status"]
        assert status in {"succeeded", "failed"}, status
        return status

    return wait_until(ended, 60, "the end of a job", pause=0.1)


def manage(told: Told) -> None:
    """People, keys of every kind, also wrong ones and twice the same; a webhook that fails."""
    person, wrong, path = (told.words[k] for k in ("person", "error", "webhook"))
    email = f"{person}@ship.example"
    hook = Hook()
    with told.http() as client, contextlib.closing(hook):
        admin = "/v1/organization"
        for _ in range(2):
            client.post(f"{admin}/invites", json={"email": email, "role": "reader"})
            client.post(f"{admin}/projects", json={"name": person})
        client.post(f"{admin}/invites", json={"email": person, "role": wrong})
        account = client.post(
            f"{admin}/projects/proj_default/service_accounts", json={"name": person}
        ).json()["api_key"]
        made = client.post(f"{admin}/admin_api_keys", json={"name": person}).json()
        asked = {"client_id": account["id"], "grant_type": "client_credentials"}
        query = asked | {"client_secret": account["value"]}
        token = client.post("/oauth/2.0/token", params=query).json()["access_token"]
        client.post("/oauth/2.0/token", params=asked | {"client_secret": wrong})
        told.keys += [account["value"], made["value"], token, f"sk-{wrong}"]
        client.post(
            f"{admin}/spend_alerts",
            json={
                "threshold_amount": 1, "currency": "USD", "interval": "month",
                "notification_channel": {"type": "email", "recipients": [email]},
                "argosy": {"webhook_url": f"http://127.0.0.1:{hook.port}/{path}?token={path}"},
            },
        ).raise_for_status()  # fmt: skip
        bad = {"argosy": {"webhook_url": f"https://10.0.0.1/{path}"}, "threshold_amount": wrong}
        client.post(f"{admin}/spend_alerts", json=bad)
        for key in told.keys:
            for where in (
                {"headers": {"authorization": f"Bearer {key}"}},
                {"params": {"access_token": key}},
            ):
                httpx.get(f"{told.cluster.url()}/v1/models", timeout=30, **where)  # type: ignore[arg-type]
        wait_until(lambda: hook.calls, 30, "the webhook to be called")
    assert path in hook.calls[0]


def crash(told: Told) -> None:
    """End the gateway in the midst of a stream, as by a bug in a library."""
    told.fault(says=told.words["completion"], slow_ms=50)
    pid = told.cluster.process("gateway").pid
    assert pid is not None
    body = {
        "model": MODEL, "max_tokens": 500, "stream": True,
        "messages": [{"role": "user", "content": told.words["prompt"]}],
    }  # fmt: skip
    with (
        told.http() as client,
        contextlib.suppress(httpx.HTTPError),
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        for _ in answer.iter_lines():
            told.cluster.kill("gateway", signal.SIGABRT)
            break
    told.cluster.wait_restarted("gateway", pid)
    told.fault()


# Where it is looked for


def logs(told: Told) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in told.cluster.home.logs.iterdir()}


def metrics(told: Told) -> dict[str, bytes]:
    return {
        f"metrics of {name}": httpx.get(told.cluster.metrics_url(name), timeout=10).content
        for name in OURS
    }


def events(told: Told) -> dict[str, bytes]:
    """What NATS keeps on disk, and what waits to be sent to it."""
    streams = (told.cluster.home.root / "nats").rglob("*")
    spools = told.cluster.home.root.rglob("spool/**/*")
    found = {str(path): path.read_bytes() for path in (*streams, *spools) if path.is_file()}
    assert any(b"usage.recorded" in held for held in found.values()), "events lie elsewhere"
    return found


def crashes(told: Told) -> dict[str, bytes]:
    """What a process that died left in its folder or the fleet's, beside the data itself."""
    root = told.cluster.home.root
    return {str(path): path.read_bytes() for path in root.glob("**/core*") if path.is_file()}


def traces(told: Told) -> dict[str, bytes]:
    return {f"spans {number}": body for number, body in enumerate(told.receiver.raw)}


PLACES: tuple[Callable[[Told], dict[str, bytes]], ...] = (logs, metrics, events, crashes, traces)


def test_ab12_nothing_that_was_said_is_written_down_for_the_operator(told: Told) -> None:
    for say in (speak, train, manage, crash):
        say(told)
    # Ends are told last: once they are here, what came before is too.
    spans = {"consume usage.recorded", "run tuning job", "POST /v1/chat/completions"}
    wait_until(
        lambda: spans <= {s.name for s in told.receiver.spans}, 30, "the spans of all that was said"
    )
    wanted = {kind: word.encode() for kind, word in told.words.items()}
    wanted |= {f"key {number}": key.encode() for number, key in enumerate(told.keys)}
    wanted |= {"the first key": told.cluster.key.encode()}
    found = [
        (kind, where, _around(held, word))
        for place in PLACES
        for where, held in place(told).items()
        for kind, word in wanted.items()
        if word in held
    ]
    assert not found, "\n".join(map(str, found))


def _around(held: bytes, word: bytes) -> bytes:
    at = held.index(word)
    return held[max(0, at - 150) : at + 80]
