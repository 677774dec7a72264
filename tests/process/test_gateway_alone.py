"""`argosy gateway --config`: the router alone, as its user starts it, with the stock SDK."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from argosy.kit.processes import free_port

from tests.harness.waiting import wait_until

ENGINE = Path(__file__).resolve().parents[1] / "fakes" / "engine.py"
ARGOSY = Path(sys.executable).with_name("argosy")
KEY = "sk-alone-0123456789"


class Alone:
    """A gateway and one engine, both processes of this test."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        self.folder = folder
        self.workers = workers
        self.port, self.metrics_port, self.engine_port = free_port(), free_port(), free_port()
        self.path = folder / "gateway.toml"
        self.log = folder / "gateway.log"
        self.write()
        self._engine = subprocess.Popen(
            [sys.executable, ENGINE, "--port", str(self.engine_port), "--model", "tiny"]
        )
        self.gateway = self.start()

    def write(self, more: str = "") -> None:
        self.path.write_text(
            f"""
            [gateway]
            port = {self.port}
            metrics_port = {self.metrics_port}
            workers = {self.workers}
            usage_log = "{self.folder}/usage.jsonl"
            [[pool]]
            name = "tiny"
            engine = "vllm"
            replicas = ["http://127.0.0.1:{self.engine_port}"]
            models = ["tiny"]
            [[key]]
            name = "ours"
            secret = "{KEY}"
            {more}
            """
        )

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            return subprocess.Popen(
                [ARGOSY, "gateway", "--config", str(self.path)], stdout=out, stderr=out
            )

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.metrics_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> None:
        def ready() -> bool:
            assert self.gateway.poll() is None, self.log.read_text()
            return self.get("/readyz")[0] == 200

        wait_until(ready, 30, "the gateway")
        wait_until(lambda: self.metric("argosy_gateway_replica_ready") == 1, 30, "its engine")

    def metric(self, name: str) -> float:
        """Return the sum over the series of this name."""
        lines = self.get("/metrics")[1].splitlines()
        values = [
            float(x.rsplit(" ", 1)[1]) for x in lines if x.startswith((name + "{", name + " "))
        ]
        return sum(values)

    def client(self, key: str = KEY) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=f"http://127.0.0.1:{self.port}/v1", api_key=key, max_retries=0, timeout=20
        )

    def chat(self, key: str = KEY) -> str:
        with self.client(key) as client:
            answer = client.chat.completions.create(
                model="tiny", messages=[{"role": "user", "content": "hi"}], max_tokens=3
            )
        return (answer.choices[0].message.content or "").strip()

    def worker_pids(self) -> set[int]:
        children = Path(f"/proc/{self.gateway.pid}/task/{self.gateway.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def stop(self) -> None:
        for process in (self.gateway, self._engine):
            if process.poll() is None:
                process.kill()
            process.wait(10)


@contextlib.contextmanager
def alone(folder: Path, *, workers: int) -> Iterator[Alone]:
    made = Alone(folder, workers=workers)
    try:
        made.ready()
        yield made
    finally:
        made.stop()


def test_one_worker_needs_nothing_else(tmp_path: Path) -> None:
    with alone(tmp_path, workers=1) as gateway:
        assert gateway.chat() == "t0 t1 t2"
        with gateway.client() as client:
            stream = client.chat.completions.create(
                model="tiny",
                messages=[{"role": "user", "content": "hi"}],
                max_tokens=4,
                stream=True,
            )
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            assert text.split() == ["t0", "t1", "t2", "t3"]
            assert [model.id for model in client.models.list()] == ["tiny"]
            with pytest.raises(openai.NotFoundError, match="no-such-model"):
                client.completions.create(model="no-such-model", prompt="a")
            # What needs a service is not here, and says so as an unknown route does.
            with pytest.raises(openai.NotFoundError, match="Invalid URL"):
                client.files.list()
        with pytest.raises(openai.AuthenticationError):
            gateway.chat("sk-unknown-0123456789")
        gateway.gateway.terminate()
        assert gateway.gateway.wait(20) == 0
        lines = (tmp_path / "usage.jsonl").read_text().splitlines()
        used = [json.loads(line) for line in lines]
        assert [(u["outcome"], u["output_tokens"], u["key"]) for u in used] == [
            ("ok", 3, "ours"),
            ("ok", 4, "ours"),
        ]
        assert KEY not in gateway.log.read_text()


def test_a_changed_file_is_read_while_it_runs(tmp_path: Path) -> None:
    with alone(tmp_path, workers=2) as gateway:
        later = "sk-later-0123456789"
        with pytest.raises(openai.AuthenticationError):
            gateway.chat(later)
        gateway.write("nonsense = 1")
        gateway.gateway.send_signal(signal.SIGHUP)
        stays = "the configuration stays as it was"
        wait_until(lambda: gateway.log.read_text().count(stays) == 2, 10, "both to refuse it")
        assert gateway.chat() == "t0 t1 t2"
        gateway.write(f'[[key]]\nname = "later"\nsecret = "{later}"')
        gateway.gateway.send_signal(signal.SIGHUP)
        again = "configuration read again"
        wait_until(lambda: gateway.log.read_text().count(again) == 2, 10, "both to read it")
        assert gateway.chat(later) == "t0 t1 t2"


def test_workers_share_the_port_and_one_may_die(tmp_path: Path) -> None:
    with alone(tmp_path, workers=2) as gateway:
        before = gateway.worker_pids()
        assert len(before) == 2
        for _ in range(20):
            gateway.chat()
        assert gateway.metric("argosy_gateway_requests_total") == 20
        victim = min(before)
        os.kill(victim, signal.SIGKILL)

        def replaced() -> bool:
            return len(gateway.worker_pids() - {victim}) == 2 and gateway.get("/readyz")[0] == 200

        wait_until(replaced, 30, "a new worker")
        assert gateway.chat() == "t0 t1 t2"
        assert gateway.metric("argosy_gateway_worker_restarts_total") == 1
        workers = gateway.worker_pids()
        gateway.gateway.terminate()
        assert gateway.gateway.wait(20) == 0
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_a_killed_parent_leaves_no_workers(tmp_path: Path) -> None:
    with alone(tmp_path, workers=2) as gateway:
        workers = gateway.worker_pids()
        gateway.gateway.kill()
        gateway.gateway.wait(10)
        wait_until(
            lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()], 20, "their end"
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_port_is_said_at_once(tmp_path: Path, workers: int) -> None:
    with alone(tmp_path, workers=workers) as gateway:
        second = subprocess.run(
            [ARGOSY, "gateway", "--config", str(gateway.path)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert "Address already in use" in second.stderr


def test_a_mistake_in_the_file_is_said_and_status_is_2(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[[pool]]\nname = "a"\n')
    run = subprocess.run(
        [ARGOSY, "gateway", "--config", str(path)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert f"{path}: [[pool]] a: engine: is missing" in run.stderr
    assert "Traceback" not in run.stderr
