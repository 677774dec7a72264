"""What a person and a script see of a state."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from argosy.cli.fleet import leftovers
from argosy.cli.fleet.environment import MARK
from argosy.cli.fleet.leftovers import Recorded
from argosy.cli.fleet.state import FleetState, MemberState, Phase, Stage, from_json
from argosy.cli.terminal.progress import LineProgress, TableProgress
from argosy.cli.terminal.status import as_json, as_lines, not_running
from argosy.cli.terminal.welcome import welcome
from argosy.kit.processes import start_time
from rich.console import Console

from tests.harness.waiting import wait_until


def member(name: str, stage: Stage, **changes: Any) -> MemberState:
    values: dict[str, Any] = {
        "name": name, "stage": stage, "pid": 7, "start_ticks": 70, "port": 1234,
        "url": "http://127.0.0.1:1234", "health_url": "", "log": f"/home/{name}.log",
        "restarts": 0, "seconds": 1.5, "since": 100.0, "note": "",
    }  # fmt: skip
    return MemberState(**(values | changes))


def fleet(*members: MemberState, phase: Phase = Phase.STARTING) -> FleetState:
    return FleetState(
        phase=phase, pid=1, start_ticks=2, boot="boot", base_url="http://127.0.0.1:8000/v1",
        model="small", started_at=time.time(), members=members,
    )  # fmt: skip


def test_a_state_survives_its_file() -> None:
    state = fleet(member("a", Stage.READY), member("b", Stage.BACKING_OFF, note="x", pid=None))
    assert from_json(json.loads(json.dumps(state.as_json()))) == state
    assert from_json({"format": 99}) is None
    assert from_json({}) is None


def test_status_lines_show_each_process_and_why_one_is_not_ready() -> None:
    lines = as_lines(
        fleet(
            member("engine", Stage.STARTING, seconds=None, note="It does not answer yet."),
            member("gateway", Stage.BACKING_OFF, pid=None, restarts=3, note="killed by SIGKILL"),
        ),
        now=130.0,
    )
    engine = next(line for line in lines if line.startswith("engine"))
    gateway = next(line for line in lines if line.startswith("gateway"))
    assert "30 s" in engine
    assert "It does not answer yet." in engine
    assert "killed by SIGKILL" in gateway
    assert " 3 " in gateway


def test_the_json_of_status_has_what_scripts_read() -> None:
    ready = fleet(member("a", Stage.READY), phase=Phase.READY)
    shown = json.loads(json.dumps(as_json(ready, "sk-1", Path("/home"))))
    assert shown["base_url"] == ready.base_url
    assert shown["api_key"] == "sk-1"
    assert shown["ready"] is True
    assert shown["processes"][0].items() >= {
        "name": "a", "pid": 7, "ready": True, "url": "http://127.0.0.1:1234", "port": 1234,
        "log": "/home/a.log", "restarts": 0,
    }.items()  # fmt: skip
    unready = as_json(fleet(member("a", Stage.UNREADY)), "k", Path("/home"))
    assert unready["ready"] is False
    assert unready["processes"][0]["ready"] is False
    assert not_running(Path("/home"))["running"] is False


def test_lines_of_progress_come_once_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineProgress()
    view.show(fleet(member("a", Stage.WAITING), member("b", Stage.STARTING)))
    view.show(fleet(member("a", Stage.WAITING), member("b", Stage.STARTING, note="not yet")))
    view.show(fleet(member("a", Stage.STARTING), member("b", Stage.READY)))
    view.show(fleet(member("a", Stage.BACKING_OFF, note="died"), member("b", Stage.READY)))
    words = [line.split(" s  ", 1)[1].split() for line in capsys.readouterr().out.splitlines()]
    assert words == [
        ["b", "starting"], ["a", "starting"], ["b", "ready", "1.5", "s"], ["a", "crashed", "died"],
    ]  # fmt: skip


def test_the_table_of_progress_shows_every_process() -> None:
    console = Console(width=80, force_terminal=True, record=True)
    view = TableProgress(console)
    with view:
        view.show(fleet(member("nats", Stage.READY), member("engine", Stage.STARTING)))
    shown = console.export_text()
    assert "nats" in shown
    assert "engine" in shown


def test_the_welcome_can_be_pasted() -> None:
    text = welcome(fleet(phase=Phase.READY), "sk-1", "/home")
    python = text.split("With Python:")[1].split("Next:")[0].strip()
    compile(python, "welcome", "exec")
    assert len(python.splitlines()) == 5
    curl = text.split("With curl:")[1].split("With Python:")[0].strip()
    words = subprocess.run(
        ["bash", "-c", curl.replace("curl ", "printf '%s\\n' ", 1)],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert words[0] == "http://127.0.0.1:8000/v1/chat/completions"
    assert json.loads(words[-1])["model"] == "small"


def test_leftovers_are_found_by_mark_by_group_and_by_nothing_else(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    marked = subprocess.Popen(sleep, env={MARK: str(tmp_path)}, start_new_session=True)
    other_home = subprocess.Popen(sleep, env={MARK: f"{tmp_path}2"}, start_new_session=True)
    group = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({sleep!r})"],
        env={}, start_new_session=True,
    )  # fmt: skip
    all_three = (marked, other_home, group)
    try:
        ticks = start_time(group.pid)
        assert ticks is not None
        known = [Recorded(group.pid, ticks)]
        found = wait_until(
            lambda: len(f := leftovers.find(tmp_path, known)) == 3 and f, 10, "three processes"
        )
        assert found
        assert {marked.pid, group.pid} < found
        assert other_home.pid not in found
        # The number without the start time is not enough: it may have been given anew.
        assert leftovers.find(tmp_path, [Recorded(group.pid, ticks - 1)]) == {marked.pid}
        assert leftovers.end(tmp_path, known) == 3
        assert leftovers.find(tmp_path, known) == set()
        assert other_home.poll() is None
    finally:
        for process in all_three:
            process.kill()
            process.wait()
