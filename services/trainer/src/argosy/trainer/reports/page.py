"""A report as one HTML page that needs nothing else: no script, no font, no picture from outside.

Translates. Every text that comes from a user is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from importlib import resources
from typing import Final

from argosy.trainer.domain.diagnosis.findings import Finding, Verdict
from argosy.trainer.domain.diagnosis.series import Series
from argosy.trainer.reports.charts import Mark, legend, line_chart
from argosy.trainer.reports.report import Report

_LOSS: Final = "Loss"
# Curves that share a picture, and its title; a curve that no group names gets its own.
_GROUPS: Final = (
    (_LOSS, ("train_loss", "valid_loss")),
    ("Perplexity", ("perplexity", "valid_perplexity")),
    ("Token accuracy", ("train_mean_token_accuracy", "valid_mean_token_accuracy")),
    ("Reward", ("reward", "objective")),
    ("KL to the reference", ("kl",)),
)
_HEADLINE: Final = {
    Verdict.CONVERGED: "Converged",
    Verdict.EVALUATE: "Converged",
    Verdict.UNFINISHED: "Not finished learning",
    Verdict.NOT_CONVERGED: "Not converged",
    Verdict.OVERFIT: "Overfit",
    Verdict.JITTER: "Restless: look at the data",
    Verdict.TOO_SHORT: "Too short to judge",
    Verdict.WORSE: "Worse than before tuning",
    Verdict.FORGOT: "Forgot what it could",
    Verdict.NO_GAIN: "No sure gain",
    Verdict.IMPROVED: "Better than before tuning",
    Verdict.KEPT: "Kept what it could",
    Verdict.DRIFTED: "Requests have moved away from the training data",
}


def to_html(report: Report) -> bytes:
    """Return the page, UTF-8."""
    sections = (
        _head(report),
        _findings(report),
        _charts(report),
        _evaluations(report),
        _checkpoints(report),
        _table("Parameters", report.parameters.items()),
        _data(report),
    )
    style = resources.files(__package__ or "").joinpath("page.css").read_text("utf-8")
    title = escape(f"{report.tuned_model or report.job_id}: tuning report")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{style}</style></head><body>{''.join(sections)}</body></html>"
    ).encode()


def _head(report: Report) -> str:
    worst = report.diagnosis.findings[0]
    seconds = None
    if report.finished_at is not None:
        seconds = (report.finished_at - report.created_at).total_seconds()
    gap = report.diagnosis.generalisation_gap
    cards = (
        ("status", report.status),
        ("steps", f"{report.completed_steps} of {report.total_steps}"),
        ("trained tokens", _number(report.trained_tokens)),
        ("tokens a second", _number(report.tokens_per_second)),
        ("from creation to end", "–" if seconds is None else _duration(seconds)),
        ("generalisation gap", _number(gap)),
    )
    shown = "".join(
        f'<div class="card"><span class="soft">{escape(name)}</span><b>{escape(value)}</b></div>'
        for name, value in cards
    )
    error = f'<p class="warning">{escape(report.error)}</p>' if report.error else ""
    return (
        f"<h1>{escape(report.tuned_model or report.job_id)}</h1>"
        f'<p class="soft">{escape(report.method)} on {escape(report.model)} · '
        f"<code>{escape(report.job_id)}</code> · {_moment(report.created_at)}</p>"
        f'<p class="verdict {worst.severity}">{_HEADLINE[worst.verdict]}</p>'
        f"{error}<div class=cards>{shown}</div>"
    )


def _findings(report: Report) -> str:
    return f"<h2>Diagnosis</h2>{''.join(map(_finding, report.diagnosis.findings))}"


def _finding(finding: Finding) -> str:
    numbers = ", ".join(
        f"{name.replace('_', ' ')} {_number(value)}"
        for name, value in finding.evidence.numbers.items()
    )
    changes = ""
    if finding.changes:
        wanted = ", ".join(f"{name} = {_number(value)}" for name, value in finding.changes.items())
        changes = f"<p>Rerun with: <code>{escape(wanted)}</code></p>"
    return (
        f'<div class="finding {finding.severity}"><h3>{escape(finding.summary)}</h3>'
        f"<p>{escape(finding.advice)}</p>{changes}"
        f'<p class="soft">{escape(numbers)}</p></div>'
    )


def _charts(report: Report) -> str:
    left = {name: series for name, series in report.curves.items() if len(series)}
    figures = []
    for title, names in _GROUPS:
        group = {name: left.pop(name) for name in names if name in left}
        if group:
            figures.append(_figure(report, title, group))
    figures += [
        _figure(report, name.replace("_", " ").capitalize(), {name: series})
        for name, series in left.items()
    ]
    return f'<h2>Curves</h2><div class="charts">{"".join(figures)}</div>' if figures else ""


def _figure(report: Report, title: str, curves: Mapping[str, Series]) -> str:
    marks = [Mark(step, "interrupted", "gap") for step in report.interruptions]
    best = report.diagnosis.best_checkpoint
    if best is not None and title == _LOSS:
        marks.append(Mark(best, f"best checkpoint, {best}", "best"))
    spikes: tuple[int, ...] = ()
    if title == _LOSS:
        jumps = (f for f in report.diagnosis.findings if f.verdict is Verdict.JITTER)
        spikes = next((finding.evidence.steps for finding in jumps), ())
    names = [name.replace("_", " ") for name in curves]
    return (
        f"<figure><h3>{escape(title)}</h3>"
        f"{line_chart(title, curves, marks=marks, spikes=spikes)}{legend(names)}</figure>"
    )


def _evaluations(report: Report) -> str:
    """Show every figure with its task type, without which it says little."""
    rows = []
    for each in report.evaluations:
        task, headline = each["task_type"], each["headline"]
        for entry in each["models"]:
            figures = ", ".join(
                f"{name.replace('_', ' ')} {_number(figure['value'])}"
                for name, figure in entry["metrics"].items()
            )
            best = entry["metrics"].get(headline, {"low": None, "high": None, "reading": ""})
            rows.append(
                f"<tr><td>{escape(each['purpose'].replace('_', ' '))}<br>"
                f"<code>{escape(each['data'])}</code></td>"
                f"<td>{escape(task)}</td><td>{escape(entry['role'])}<br>"
                f"<code>{escape(entry['model'])}</code></td>"
                f"<td>{escape(figures)}<br><span class=soft>{escape(headline.replace('_', ' '))} "
                f"lies between {_number(best['low'])} and {_number(best['high'])}. "
                f"{escape(best['reading'])}</span></td></tr>"
            )
    if not rows:
        return ""
    return (
        "<h2>Evaluations</h2><table><tr><th>of<th>task type<th>model<th>figures</tr>"
        f"{''.join(rows)}</table>"
    )


def _checkpoints(report: Report) -> str:
    if not report.checkpoints:
        return ""
    best = report.diagnosis.best_checkpoint
    rows = "".join(
        f"<tr><td>{kept.step}{' ★' if kept.step == best else ''}</td>"
        f"<td><code>{escape(kept.model)}</code></td><td>{_number(kept.train_loss)}</td>"
        f"<td>{_number(kept.valid_loss)}</td></tr>"
        for kept in report.checkpoints
    )
    return (
        "<h2>Checkpoints</h2><table><tr><th>step<th>model<th>training loss<th>validation loss</tr>"
        f"{rows}</table>"
    )


def _data(report: Report) -> str:
    rows: list[tuple[str, object]] = []
    for source in report.data:
        told = ", ".join(f"{name} {value}" for name, value in source.items() if name != "source")
        rows.append((str(source.get("source", "")), told))
    for dropped in report.dropped:
        lines = ", ".join(map(str, dropped.lines[:20])) + (" …" if dropped.count > 20 else "")
        rows.append(("dropped records", f"{dropped.count} ({dropped.reason}); lines {lines}"))
    rows += [("interrupted", f"went on from step {step}") for step in report.interruptions]
    rows += [("note", note) for note in report.notes]
    return _table("Data", rows) if rows else ""


def _table(title: str, rows: Iterable[tuple[str, object]]) -> str:
    body = "".join(
        f'<tr><th class="name">{escape(str(name))}</th><td>{escape(_text(value))}</td></tr>'
        for name, value in rows
        if value is not None
    )
    return f"<h2>{escape(title)}</h2><table>{body}</table>"


def _text(value: object) -> str:
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
