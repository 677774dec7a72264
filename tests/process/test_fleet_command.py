"""`argosy up`, `status`, `logs` and `down` as a user runs them, on stub processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.waiting import wait_until

STUB = "${PYTHON} " + str(Path(__file__).parent / "stubs" / "service.py")
STOP_LIMIT = 15.0


class Argosy:
    """Runs the command on one home."""

    def __init__(self, home: Path, stub: str = STUB) -> None:
        self.home = home
        self.procfile = home.parent / f"{home.name}.Procfile"
        self.procfile.write_text(f"registry: {stub}\nembedder: {stub}\ngateway: {stub}\n")

    def words(self, *arguments: str) -> list[str]:
        command, *rest = arguments
        words = [sys.executable, "-m", "argosy.cli", command, "--home", str(self.home), *rest]
        return [*words, "--procfile", str(self.procfile)] if command == "up" else words

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*arguments),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | environment,
        )

    def in_background(self, **environment: str) -> subprocess.Popen[str]:
        return self.in_foreground("--detach", **environment)

    def in_foreground(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.words("up", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
            start_new_session=True,
        )

    def status(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self("status", "--json").stdout)
        return loaded

    def marked(self) -> list[int]:
        """The pids of every process that carries this home's mark."""
        mark = f"ARGOSY_FLEET={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


@pytest.fixture
def make_argosy(tmp_path: Path) -> Iterator[Callable[..., Argosy]]:
    made: list[Argosy] = []

    def make(name: str = "home", **options: str) -> Argosy:
        made.append(Argosy(tmp_path / name, **options))
        return made[-1]

    yield make
    for argosy in made:
        argosy("down")
        assert argosy.marked() == []


@pytest.fixture
def argosy(make_argosy: Callable[..., Argosy]) -> Argosy:
    return make_argosy()


def test_up_detached_status_up_again_and_down(argosy: Argosy) -> None:
    up = argosy("up", "--detach")
    assert up.returncode == 0, up.stderr
    status = argosy.status()
    assert status["ready"] is True
    assert {p["name"] for p in status["processes"]} == {"registry", "embedder", "gateway"}
    for process in status["processes"]:
        assert process.keys() >= {"name", "pid", "ready", "url", "port", "log"}
        assert Path(process["log"]).is_file()
        os.kill(process["pid"], 0)
    key = status["api_key"]
    for shown in (status["base_url"], key, "curl ", "from openai import OpenAI"):
        assert shown in up.stdout

    again = argosy("up", "--detach")
    assert again.returncode == 0
    assert "already runs" in again.stdout
    assert argosy.status()["pid"] == status["pid"]

    table = argosy("status")
    assert table.returncode == 0
    assert "embedder" in table.stdout

    began = time.monotonic()
    down = argosy("down")
    assert down.returncode == 0
    assert time.monotonic() - began < STOP_LIMIT
    assert argosy.marked() == []
    assert argosy.status() == {
        "running": False, "ready": False, "home": str(argosy.home), "processes": [],
    }  # fmt: skip
    assert argosy("status").returncode == 3
    assert argosy("down").returncode == 0

    everything = "".join(path.read_text() for path in argosy.home.glob("logs/*.log"))
    assert key not in everything, "a key stands in a log"


def test_the_key_and_the_port_survive_down_and_up(argosy: Argosy) -> None:
    argosy("up", "--detach")
    before = argosy.status()
    argosy("down")
    argosy("up", "--detach")
    after = argosy.status()
    assert (after["api_key"], after["base_url"]) == (before["api_key"], before["base_url"])


def test_a_crash_is_mended_and_shown(argosy: Argosy) -> None:
    argosy("up", "--detach")
    victim = argosy.status()["processes"][0]
    os.kill(victim["pid"], signal.SIGKILL)

    def mended() -> bool:
        now = argosy.status()["processes"][0]
        return bool(now["restarts"] == 1 and now["ready"] and now["pid"] != victim["pid"])

    wait_until(mended, 20)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_stops_everything(argosy: Argosy, which: signal.Signals) -> None:
    up = argosy.in_foreground(STUB_READY_SECONDS="300", STUB_IGNORES_TERM="1", STUB_CHILD="session")
    wait_until(lambda: len(argosy.marked()) >= 4, 20, "processes of the start")
    began = time.monotonic()
    up.send_signal(which)
    output, _ = up.communicate(timeout=STOP_LIMIT + 5)
    assert time.monotonic() - began < STOP_LIMIT
    assert up.returncode == 0, output
    assert argosy.marked() == []


def test_down_stops_a_fleet_that_still_starts(argosy: Argosy) -> None:
    up = argosy.in_background(STUB_READY_SECONDS="300")
    wait_until(lambda: len(argosy.marked()) >= 2, 20, "processes of the start")
    assert argosy("down").returncode == 0
    output, _ = up.communicate(timeout=5)
    assert up.returncode == 1
    assert "was stopped before it was ready" in output
    assert argosy.marked() == []


def test_a_killed_supervisor_leaves_nothing_that_the_next_up_trips_over(argosy: Argosy) -> None:
    argosy("up", "--detach", STUB_CHILD="session")
    before = argosy.status()
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(lambda: argosy.status()["running"] is False, 5)
    # The children's own children, in sessions of their own, are not the kernel's to end.
    assert argosy.marked() != []
    up = argosy("up", "--detach")
    assert up.returncode == 0, up.stderr
    after = argosy.status()
    assert after["base_url"] == before["base_url"]
    old = {p["pid"] for p in before["processes"]}
    assert old.isdisjoint(argosy.marked())
    assert len(argosy.marked()) == 3


def test_down_ends_what_a_killed_supervisor_left(argosy: Argosy) -> None:
    argosy("up", "--detach", STUB_CHILD="session")
    os.kill(argosy.status()["pid"], signal.SIGKILL)
    down = argosy("down")
    assert down.returncode == 0
    assert "Stopped" in down.stdout
    assert argosy.marked() == []


def test_a_failed_start_names_the_process_and_shows_its_log(
    make_argosy: Callable[..., Argosy],
) -> None:
    argosy = make_argosy(stub="${PYTHON} -c 'raise SystemExit(\"a broken thing\")'")
    up = argosy("up", "--detach")
    assert up.returncode == 1
    assert "did not start" in up.stderr
    assert "a broken thing" in up.stderr
    assert argosy.marked() == []


def test_two_homes_that_start_together(make_argosy: Callable[..., Argosy]) -> None:
    one, other = make_argosy("one"), make_argosy("other")
    # The first one's gateway binds its port only when the registry is ready.
    starting = one.in_background(STUB_READY_SECONDS="1.5")
    wait_until(lambda: len(one.marked()) >= 2, 20)
    second = other("up", "--detach")
    assert second.returncode == 0
    assert starting.wait(30) == 0
    assert one.status()["base_url"] != other.status()["base_url"]
    one("down")
    assert other.status()["ready"] is True


def test_a_taken_port_is_named(argosy: Argosy, make_argosy: Callable[..., Argosy]) -> None:
    argosy("up", "--detach")
    port = argosy.status()["base_url"].split(":")[2].split("/")[0]
    refused = make_argosy("other")("up", "--port", port)
    assert refused.returncode == 2
    assert f"--port {port} is taken" in refused.stderr


def test_logs_of_one_process_and_of_an_unknown_one(argosy: Argosy) -> None:
    argosy("up", "--detach")
    assert "stub " in argosy("logs", "registry").stdout
    unknown = argosy("logs", "regsitry")
    assert unknown.returncode == 2
    assert "registry" in unknown.stderr


def test_a_home_deep_in_the_tree_works(make_argosy: Callable[..., Argosy], tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8)
    deep.mkdir(parents=True)
    argosy = make_argosy(str(deep.relative_to(tmp_path) / "home"))
    assert argosy("up", "--detach").returncode == 0


def test_what_needs_a_fleet_says_so(argosy: Argosy) -> None:
    chat = argosy("chat", "-m", "hello")
    assert chat.returncode == 3
    assert "argosy up" in chat.stderr
