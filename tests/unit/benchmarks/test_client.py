"""The load generator's line: what is read from it, and which runs are not believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.client import Load, LoadError, Report
from benchmarks.processes import share_cores

_TIMES = '{"count":3,"p05":1.0,"p50":2.0,"p90":3.0,"p99":4.0,"max":5.0}'
_LINE = (
    '{"seconds":1.0,"started":10,"answered":10,"rate":10.0,"offered":10.0,"refused":0,"wrong":0,'
    '"reset":0,"unfinished":0,"hangups":0,"connects":1,"chunks":0,'
    f'"latency":{_TIMES},"ttft":{_TIMES},"gap":{_TIMES},"delay":{_TIMES},"refusal":{_TIMES},'
    '"error":""}'
)


def test_a_line_becomes_a_report() -> None:
    report = Report.parse(_LINE)
    assert report.answered == 10
    assert report.gap.p99 == 4.0
    report.check()


@pytest.mark.parametrize("field", ["wrong", "reset", "unfinished", "refused"])
def test_a_run_with_failures_is_not_believed(field: str) -> None:
    changed: dict[str, Any] = {field: 1}
    report = replace(Report.parse(_LINE), **changed)
    with pytest.raises(LoadError, match="of 10 requests"):
        report.check()


def test_refusals_are_answers_where_they_are_expected() -> None:
    report = replace(Report.parse(_LINE), refused=5)
    report.check(refusals_are_fine=True)
    with pytest.raises(LoadError):
        replace(report, wrong=1).check(refusals_are_fine=True)


def test_a_run_without_an_answer_is_not_believed() -> None:
    with pytest.raises(LoadError):
        replace(Report.parse(_LINE), answered=0).check(refusals_are_fine=True)


def test_the_command_says_all_that_is_asked_for() -> None:
    load = Load("stream", 64, 2.5, chunks=7, interval_ms=9, key="k", rate=3.0, hangups=0.5, seed=4)
    words = load.command(Path("load"), 80)
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options == {
        "-p": "80", "-m": "stream", "-c": "64", "-d": "2.5", "-n": "7", "-i": "9", "-b": "1024",
        "-k": "k", "-r": "3.0", "-g": "0.5", "-s": "4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("available", "for_gateway", "expected"),
    [
        ([0], 1, ((0,), (0,), (0,))),
        ([0, 1], 1, ((0,), (1,), (1,))),
        ([0, 1], 2, ((0,), (1,), (1,))),
        ([2, 3, 4, 5], 2, ((2, 3), (4,), (5,))),
    ],
)
def test_the_gateway_has_processors_of_its_own(
    available: list[int], for_gateway: int, expected: tuple[tuple[int, ...], ...]
) -> None:
    cores = share_cores(available, for_gateway=for_gateway)
    assert (cores.gateway, cores.engine, cores.clients) == expected
