"""A report as JSON, CSV and one page: complete, escaped, and with nothing fetched from outside."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from argosy.trainer.domain.diagnosis.diagnose import diagnose
from argosy.trainer.domain.diagnosis.findings import RunSeries
from argosy.trainer.domain.diagnosis.series import Series
from argosy.trainer.reports.charts import line_chart, thinned
from argosy.trainer.reports.document import to_csv, to_json
from argosy.trainer.reports.page import to_html
from argosy.trainer.reports.report import Dropped, KeptCheckpoint, Report

_BEGAN = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
_STEPS = tuple(range(1, 121))
_TRAIN = Series(_STEPS, tuple(0.4 + 2.6 * max(0.0, 1 - step / 84) ** 2 for step in _STEPS))
_VALID = Series((30, 60, 90, 120), (1.2, 1.0, 1.3, 1.6))


def report() -> Report:
    run = RunSeries(120, 6, _TRAIN, _VALID, checkpoints=(60, 120))
    return Report(
        job_id="ftjob-1",
        model="base",
        tuned_model="ft:base:argosy:<b>tone</b>:Ab12Cd34",
        status="succeeded",
        method="sft",
        created_at=_BEGAN,
        finished_at=_BEGAN + timedelta(seconds=512),
        estimated_finish=None,
        total_steps=120,
        completed_steps=120,
        trained_tokens=12_345,
        tokens_per_second=210.5,
        parameters={"n_epochs": 6, "learning_rate": 3e-4},
        data=({"source": "file-1", "records": 100},),
        dropped=(Dropped(2, (5, 9), "longer than 1024 tokens"),),
        interruptions=(60,),
        curves={"train_loss": _TRAIN, "valid_loss": _VALID, "kl": Series()},
        checkpoints=(
            KeptCheckpoint(60, "ft:…:ckpt-step-60", 0.9, 1.0),
            KeptCheckpoint(120, "ft:…:ckpt-step-120", 0.4, 1.6),
        ),
        diagnosis=diagnose(run),
    )


def test_e01_the_curves_can_be_had_as_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(report()).decode())))
    assert [row["step"] for row in rows] == [str(step) for step in _STEPS]
    assert float(rows[59]["train_loss"]) == pytest.approx(_TRAIN.values[59], rel=1e-5)
    assert rows[59]["valid_loss"] == "1"
    assert rows[60]["valid_loss"] == ""
    assert "kl" not in rows[0]


def test_c32_the_report_repeats_how_many_records_were_dropped() -> None:
    assert to_json(report())["dropped"] == [
        {"count": 2, "lines": [5, 9], "reason": "longer than 1024 tokens"}
    ]
    assert "2 (longer than 1024 tokens); lines 5, 9" in to_html(report()).decode()


def test_e13_the_best_checkpoint_is_preselected() -> None:
    document = to_json(report())
    assert document["diagnosis"]["verdict"] == "overfit"
    assert document["diagnosis"]["best_checkpoint"] == 60
    assert "60 ★" in to_html(report()).decode()
    json.dumps(document, allow_nan=False)


def test_e16_the_page_marks_where_training_was_interrupted() -> None:
    assert 'class="mark gap"' in to_html(report()).decode()
    assert 'class="mark gap"' not in to_html(replace(report(), interruptions=())).decode()


def test_e17_throughput_stands_beside_the_verdict() -> None:
    document = to_json(report())
    assert document["tokens_per_second"] == 210.5
    assert document["diagnosis"]["converged"] is True


def test_e19_training_and_validation_loss_share_one_axis() -> None:
    page = to_html(report()).decode()
    (loss,) = re.findall(r'<svg[^>]*aria-label="Loss".*?</svg>', page)
    assert loss.count("<polyline") == 2


def test_n11_the_page_needs_nothing_from_outside_and_escapes_every_name() -> None:
    page = to_html(report()).decode()
    assert "<b>tone" not in page
    assert "&lt;b&gt;tone&lt;/b&gt;" in page
    assert not re.search(r"(src|href)=|url\(|<script|@import", page)
    for name in ("n_epochs", "0.0003", "file-1", "Diagnosis", "Overfit"):
        assert name in page


def test_a_long_curve_is_thinned_without_losing_its_peak() -> None:
    values = [1.0] * 50_000
    values[31_337] = 9.0
    values[4_242] = -3.0
    drawn = thinned(Series(tuple(range(50_000)), tuple(values)))
    assert len(drawn) < 1_500
    assert max(drawn.values) == 9.0
    assert min(drawn.values) == -3.0
    assert list(drawn.steps) == sorted(drawn.steps)


@pytest.mark.parametrize("values", [(0.0,), (2.0, 2.0), (1e-9, 5e7), (-3.0, 4.0)])
def test_a_chart_of_any_values_is_well_formed_and_inside_its_frame(
    values: tuple[float, ...],
) -> None:
    drawn = line_chart("A & B", {"x<y": Series(tuple(range(len(values))), values)})
    svg = ET.fromstring(drawn)  # noqa: S314 - our own picture
    points = [
        tuple(map(float, point.split(",")))
        for line in svg.iter("polyline")
        for point in line.attrib["points"].split()
    ]
    assert all(0 <= x <= 640 and 0 <= y <= 240 for x, y in points)
