"""The demonstration as its users run it, on the real engine and the real trainer.

Eighty steps of training and two exams take minutes of both cores: it runs once a night.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from argosy.cli.demo.charts import SHOWN_REQUESTS, Verdict, judge
from argosy.cli.demo.exam import ask

from tests.harness.commanded_fleet import Fleet, running

BASE = "smollm2-135m-instruct"
PROMISED_SECONDS = 20 * 60

pytestmark = [pytest.mark.ml, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("home")) as fleet:
        yield fleet


def test_c06_d45_l03_l04_a_hundred_records_make_the_answer_right_within_the_time_promised(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    # Its status is 0 only if the base fails the held-out exam and the tuned model passes it.
    shown = fleet.command("demo", timeout=3000)
    with capsys.disabled():
        print(f"\n{shown}")
    assert "uploaded 100 records" in shown
    took = re.search(r"upload → tuned answer .* ([\d.]+) s", shown)
    assert took, shown
    assert float(took[1]) <= PROMISED_SECONDS

    client = fleet.client()
    (tuned,) = [m.id for m in client.models.list() if m.id.startswith("ft:") and "ckpt" not in m.id]
    for request in SHOWN_REQUESTS:
        assert judge(ask(client, tuned, request)[0], request.chart) is Verdict.EXACT
        assert judge(ask(client, BASE, request)[0], request.chart) is not Verdict.EXACT
