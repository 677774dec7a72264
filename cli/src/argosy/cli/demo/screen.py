"""What the demonstration shows in the terminal: answers, the loss curve, the bill.

Knows rich and plotext. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotext
from argosy.cli.demo.charts import Request, Verdict, judge
from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLE = {Verdict.EXACT: "bold green", Verdict.WRONG_CHART: "yellow", Verdict.INVALID: "red"}


@dataclass
class Losses:
    """The series of one training run, by optimizer step."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        if not self.steps or step > self.steps[-1]:
            self.steps.append(step)
            self.values.append(value)


def show_answer(console: Console, request: Request, answer: str) -> None:
    """Print one request, its answer and the verdict on it."""
    verdict = judge(answer, request.chart)
    shown = " ".join(answer.split())
    console.print(Text("  ? ", style="cyan") + Text(request.text))
    console.print(
        Text("  → ", style="cyan")
        + Text(shown if len(shown) <= 220 else shown[:220] + " …")
        + Text(f"   [{verdict}]", style=_STYLE[verdict])
    )


def show_curve(console: Console, losses: Losses) -> None:
    """Draw the training loss over the steps."""
    if len(losses.steps) < 2:
        return
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(console.width, 88), 14)
    plotext.plot(losses.steps, losses.values, marker="braille")
    plotext.title("training loss")
    plotext.xlabel("step")
    plotext.ylim(0, max(losses.values) * 1.05)
    console.print(Text.from_ansi(plotext.build()))


def show_summary(console: Console, rows: Sequence[tuple[str, str, str]]) -> None:
    """Print the closing table: stage, figure, wall time."""
    table = Table(show_edge=False, pad_edge=False, box=None)
    table.add_column("stage", style="bold")
    table.add_column("result")
    table.add_column("wall time", justify="right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
