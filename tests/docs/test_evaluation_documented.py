"""docs/tuning-report.md names every metric of answers and every verdict."""

from __future__ import annotations

from argosy.trainer.domain.diagnosis.findings import Verdict
from argosy.trainer.domain.drift.verdict import DriftVerdict
from argosy.trainer.domain.evaluation.catalogue import METRICS
from argosy.trainer.domain.evaluation.evaluation import EvaluationState

from tests.docs.sources import DOCS


def test_every_metric_verdict_and_state_is_documented() -> None:
    text = (DOCS / "tuning-report.md").read_text("utf-8")
    known = {*METRICS, *Verdict, *DriftVerdict, *EvaluationState}
    assert not [name for name in sorted(known) if f"`{name}`" not in text]
