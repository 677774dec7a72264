"""A report as JSON and as CSV. Translates; decides nothing."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from argosy.trainer.domain.diagnosis.findings import Finding
from argosy.trainer.reports.report import Report

Json = dict[str, Any]


def to_json(report: Report) -> Json:
    """Return the report as the public API shows it."""
    diagnosis = report.diagnosis
    return {
        "object": "fine_tuning.job.report",
        "job": report.job_id,
        "model": report.model,
        "fine_tuned_model": report.tuned_model or None,
        "status": report.status,
        "method": report.method,
        "created_at": _seconds(report.created_at),
        "finished_at": _seconds(report.finished_at),
        "estimated_finish": _seconds(report.estimated_finish),
        "total_steps": report.total_steps,
        "completed_steps": report.completed_steps,
        "trained_tokens": report.trained_tokens,
        "tokens_per_second": report.tokens_per_second,
        "parameters": dict(report.parameters),
        "data": [dict(source) for source in report.data],
        "dropped": [
            {"count": d.count, "lines": list(d.lines), "reason": d.reason} for d in report.dropped
        ],
        "interruptions": list(report.interruptions),
        "diagnosis": {
            "verdict": diagnosis.verdict.value,
            "converged": diagnosis.converged,
            "generalisation_gap": diagnosis.generalisation_gap,
            "best_checkpoint": diagnosis.best_checkpoint,
            "rerun_with": diagnosis.changes,
            "findings": [_finding(finding) for finding in diagnosis.findings],
        },
        "curves": {
            name: {"steps": list(series.steps), "values": list(series.values)}
            for name, series in report.curves.items()
            if len(series)
        },
        "checkpoints": [
            {
                "step": kept.step,
                "fine_tuned_model_checkpoint": kept.model,
                "train_loss": kept.train_loss,
                "valid_loss": kept.valid_loss,
            }
            for kept in report.checkpoints
        ],
        "evaluations": [dict(each) for each in report.evaluations],
        "error": report.error or None,
        "notes": list(report.notes),
    }


def to_csv(report: Report) -> bytes:
    """Return one line a step with a column a curve; a value that is not known is empty."""
    names = [name for name, series in report.curves.items() if len(series)]
    tables = [
        dict(zip(report.curves[name].steps, report.curves[name].values, strict=True))
        for name in names
    ]
    steps = sorted({step for table in tables for step in table})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", *names))
    for step in steps:
        cells = (table.get(step) for table in tables)
        writer.writerow((step, *("" if cell is None else f"{cell:.6g}" for cell in cells)))
    return text.getvalue().encode()


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _finding(finding: Finding) -> Json:
    return {
        "verdict": finding.verdict.value,
        "severity": finding.severity.value,
        "summary": finding.summary,
        "advice": finding.advice,
        "evidence": {
            "numbers": dict(finding.evidence.numbers),
            "steps": list(finding.evidence.steps),
            "records": list(finding.evidence.records),
        },
        "changes": dict(finding.changes),
        "checkpoint": finding.checkpoint,
    }
