"""Tuning as it looks in the terminal: a report's progress, curves, verdict; advice on methods.

Knows rich and plotext, and the report's JSON. Asks nobody.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotext
from argosy.cli.terminal.durations import duration
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

TERMINAL: Final = frozenset({"succeeded", "failed", "cancelled"})

_STATUS_STYLE: Final = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}
_SEVERITY_STYLE: Final = {"good": "green", "advice": "yellow", "warning": "red"}
_COLORS: Final = ("blue+", "orange+", "green+", "magenta+")
# What is drawn: the first pair of curves that has points. The others are told as numbers.
_DRAWN: Final = (("train_loss", "valid_loss"), ("reward", "kl"))
_HEIGHT: Final = 15
_WIDEST: Final = 100


def view(report: Mapping[str, Any], messages: Sequence[str], width: int) -> RenderableType:
    """Return what is shown of a job now: `messages` are its newest events, oldest first."""
    return Group(
        _head(report),
        _progress(report, min(width, _WIDEST)),
        *(_chart(report, names, min(width, _WIDEST)) for names in _DRAWN if _has(report, names)),
        _numbers(report),
        *_verdict(report),
        *(Text(f"  {message}", style="dim", overflow="ellipsis") for message in messages),
    )


def findings(report: Mapping[str, Any]) -> RenderableType:
    """Return the whole diagnosis, finding by finding."""
    lines: list[Text] = []
    for finding in report["diagnosis"]["findings"]:
        style = _SEVERITY_STYLE.get(finding["severity"], "")
        lines.append(Text(f"● {finding['summary']}", style=style))
        lines.append(Text(f"  {finding['advice']}"))
        if finding["changes"]:
            wanted = ", ".join(f"{name} = {value:g}" for name, value in finding["changes"].items())
            lines.append(Text(f"  rerun with {wanted}: argosy tune rerun {report['job']}"))
    best = report["diagnosis"]["best_checkpoint"]
    if best is not None:
        lines.append(Text(f"  best checkpoint: step {best}", style="green"))
    return Group(*lines)


def advised(advice: Mapping[str, Any]) -> RenderableType:
    """Return which way fits, what to prepare and why."""
    way = advice["way"].replace("_", " ")
    chosen = f"{way}: {advice['method']}, {advice['scale']}" if advice["method"] else way
    return Group(
        Text(chosen, style="bold"),
        Text(f"prepare  {advice['prepare']}"),
        *(Text(f"● {reason}") for reason in advice["reasons"]),
    )


def sayable(option: str, choices: Sequence[Mapping[str, str]]) -> RenderableType:
    """Return the values of an option with their meaning."""
    table = Table(show_edge=False, pad_edge=False, box=None, title_justify="left", title=option)
    for name in ("say", "for"):
        table.add_column(name, overflow="fold")
    for choice in choices:
        table.add_row(choice["id"], choice["text"])
    return table


def _head(report: Mapping[str, Any]) -> Text:
    status = report["status"]
    text = Text.assemble(
        (report["job"], "bold"),
        f" · {report['method']} on {report['model']} · ",
        (status, _STATUS_STYLE.get(status, "cyan")),
    )
    if report["fine_tuned_model"]:
        text.append(f"\n{report['fine_tuned_model']}", style="green")
    if report["error"]:
        text.append(f"\n{report['error']}", style="red")
    return text


def _progress(report: Mapping[str, Any], width: int) -> RenderableType:
    done, total = report["completed_steps"], report["total_steps"]
    row = Table.grid(padding=(0, 1))
    row.add_row(
        ProgressBar(total=max(total, 1), completed=done, width=max(20, width // 2)),
        f"{done} of {total} steps" if total else "not planned yet",
        _time_left(report),
    )
    return row


def _time_left(report: Mapping[str, Any]) -> str:
    if report["status"] in TERMINAL:
        if report["finished_at"] is None:
            return ""
        return f"took {duration(report['finished_at'] - report['created_at'])}"
    if report["estimated_finish"] is None:
        return ""
    return f"{duration(max(0, report['estimated_finish'] - time.time()))} left"


def _has(report: Mapping[str, Any], names: Sequence[str]) -> bool:
    return any(len(report["curves"].get(name, {"steps": ()})["steps"]) > 1 for name in names)


def _chart(report: Mapping[str, Any], names: Sequence[str], width: int) -> Text:
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, _HEIGHT)
    values: list[float] = []
    for name, color in zip(names, _COLORS, strict=False):
        curve = report["curves"].get(name)
        if curve is None:
            continue
        values += curve["values"]
        plotext.plot(
            curve["steps"],
            curve["values"],
            marker="braille",
            label=name.replace("_", " "),
            color=color,
        )
    if min(values) >= 0:
        plotext.ylim(0, max(values) * 1.05 or 1)
    plotext.xlim(1, max(report["total_steps"], 2))
    plotext.xlabel("step")
    return Text.from_ansi(plotext.build())


def _numbers(report: Mapping[str, Any]) -> Text:
    parts = [
        f"{name.replace('_', ' ')} {curve['values'][-1]:.4g}"
        for name, curve in report["curves"].items()
        if curve["values"]
    ]
    return Text(" · ".join(parts), style="cyan")


def _verdict(report: Mapping[str, Any]) -> list[Text]:
    if not report["completed_steps"]:
        return []
    first = report["diagnosis"]["findings"][0]
    so_far = "" if report["status"] in TERMINAL else "so far: "
    style = _SEVERITY_STYLE.get(first["severity"], "")
    return [Text(f"{so_far}{first['summary']} {first['advice']}", style=style)]
