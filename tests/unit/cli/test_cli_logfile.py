"""The lines of a log that tell of one request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from argosy.cli.commands.logs import logs
from argosy.cli.fleet import logfile

REQUEST = "req_" + "0123456789abcdef" * 2
DIGITS = REQUEST.removeprefix("req_")


def line(time: str, message: str, **fields: str) -> str:
    return json.dumps({"time": time, "message": message} | fields)


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{each}\n" for each in lines))


def test_what_others_tell_of_a_request_is_found_by_its_digits() -> None:
    wanted = logfile.about(REQUEST)
    assert wanted(line("1", "here", request_id=REQUEST))
    assert wanted(line("1", "its usage", event_id=f"evt_{DIGITS}"))
    assert wanted(line("1", "its trace", trace_id=DIGITS))
    assert not wanted(line("1", "another", request_id="req_" + "f" * 32))


def test_the_last_lines_wanted_are_found_also_in_what_was_cut_off(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    write(tmp_path / "gateway.log.1", line("1", "old", request_id=REQUEST), line("2", "other"))
    write(log, line("3", "new", request_id=REQUEST), line("4", "other"))
    found = logfile.tail(log, 10, logfile.about(REQUEST))
    assert [json.loads(each)["message"] for each in found] == ["old", "new"]
    assert logfile.tail(log, 1, logfile.about(REQUEST)) == [found[1]]
    # All lines are only those of the log itself.
    assert len(logfile.tail(log, 10)) == 2


def test_one_request_is_one_story_over_all_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    write(
        home / "logs" / "gateway.log",
        line("2026-01-01T00:00:01", "came", request_id=REQUEST),
        line("2026-01-01T00:00:02", "another"),
        line("2026-01-01T00:00:04", "went", request_id=REQUEST),
    )
    write(
        home / "logs" / "registry.log",
        line("2026-01-01T00:00:03", "looked up", request_id=REQUEST),
        "no JSON, but " + DIGITS,
    )
    # What a request caused later, in another process, is in its trace and knows no request.
    trace = "a" * 32
    with (home / "logs" / "gateway.log").open("a") as file:
        file.write(
            line("2026-01-01T00:00:05", "made a job", request_id=REQUEST, trace_id=trace) + "\n"
        )
    write(
        home / "logs" / "trainer.log",
        line("2026-01-01T00:00:06", "trained", trace_id=trace),
        line("2026-01-01T00:00:07", "of another request", trace_id=trace, request_id="req_1"),
    )
    logs(process=None, home=home, follow=False, lines=50, request_id=REQUEST)
    shown = capsys.readouterr().out.splitlines()
    names = [each.split(" ")[0] for each in shown]
    assert names == ["registry", "gateway", "registry", "gateway", "gateway", "trainer"]
    words = ("no JSON", "came", "looked up", "went", "made a job", "trained")
    for word, told in zip(words, shown, strict=True):
        assert word in told
