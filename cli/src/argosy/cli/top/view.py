"""A summary as a screen: one look tells whether the fleet is well, busy and dear. Knows rich."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from argosy.cli.top.summary import Cost, PoolLine, Process, Quantiles, Run, Summary
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_BAR: Final = 24
_NONE: Final = "–"
_TREND: Final = 40
# Statuses that are always worth a word, in a job's order of life.
_STATUSES: Final = ("queued", "running", "succeeded", "failed")


class Screen:
    """Draws summaries; remembers the last ones for the trend. `title` says which fleet it is."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._requests: deque[float] = deque(maxlen=_TREND)
        self._tokens: deque[float] = deque(maxlen=_TREND)

    def draw(self, summary: Summary, clock: str) -> RenderableType:
        """Return what the terminal shows; `clock` is the time of day."""
        traffic = summary.traffic
        if traffic.requests is not None:
            self._requests.append(traffic.requests)
            self._tokens.append((traffic.input_tokens or 0) + (traffic.output_tokens or 0))
        parts: list[RenderableType] = [self._head(summary, clock)]
        parts += [Text(f"! {line}", style="bold red") for line in summary.trouble]
        parts += [
            Text(),
            self._numbers(summary),
            Text(),
            _pools(summary.pools),
            Text(),
            _jobs(summary),
            *_runs(summary.runs),
            Text(),
            _processes(summary.processes),
        ]
        return Group(*parts)

    def _head(self, summary: Summary, clock: str) -> Table:
        up = sum(process.up for process in summary.processes)
        every = len(summary.processes)
        line = Table.grid(expand=True)
        line.add_column()
        line.add_column(justify="right")
        left = Text("argosy top", style="bold")
        left.append(f"  {self._title}  ", style="dim")
        left.append(f"{up} of {every} up", style="green" if up == every else "bold red")
        line.add_row(left, Text(f"last {summary.seconds:.0f} s · {clock}", style="dim"))
        return line

    def _numbers(self, summary: Summary) -> Table:
        traffic = summary.traffic
        table = Table.grid(padding=(0, 3))
        table.add_column(style="bold cyan")
        for _ in range(4):
            table.add_column(no_wrap=True)
        failed = Text(f"failed {_percent(traffic.failed)}", style="red" if traffic.failed else "")
        table.add_row(
            "requests",
            f"{_number(traffic.requests)}/s",
            failed,
            f"{traffic.in_flight} now, {traffic.queued} waiting",
            _trend(self._requests),
        )
        table.add_row(
            "tokens",
            f"{_number(traffic.output_tokens)}/s out",
            f"{_number(traffic.input_tokens)}/s in",
            f"trained {_number(summary.trained_tokens)}/s",
            _trend(self._tokens),
        )
        table.add_row("first token", *_quantiles(traffic.first_token), "", "")
        table.add_row("next tokens", *_quantiles(traffic.output_token), "", "")
        table.add_row("end to end", *_quantiles(traffic.whole), "", "")
        table.add_row("cost", *_cost(summary.cost), "", "")
        return table


def _pools(pools: Sequence[PoolLine]) -> Table:
    table = _table("POOL", "ENGINES", "IN FLIGHT", "WAITING", "KV CACHE", "ADAPTERS", "LOADS")
    for pool in pools:
        engines = Text(f"{pool.ready}/{pool.engines}", justify="right")
        if pool.ready < pool.engines:
            engines.stylize("bold red")
        if pool.ejected:
            engines.append(f" ({pool.ejected} set aside)", style="yellow")
        table.add_row(
            pool.name,
            engines,
            str(pool.in_flight),
            str(pool.queued),
            _NONE if pool.kv_cache is None else f"{pool.kv_cache:.0%}",
            str(pool.adapters),
            str(pool.loads),
        )
    return table


def _jobs(summary: Summary) -> Text:
    line = Text("JOBS  ", style="dim")
    shown = [*_STATUSES, *(s for s, n in summary.jobs.items() if n and s not in _STATUSES)]
    for status in shown:
        count = summary.jobs.get(status, 0)
        style = {"failed": "red", "running": "green"}.get(status, "") if count else "dim"
        line.append(f"{status} {count}   ", style=style or "default")
    return line


def _runs(runs: Sequence[Run]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for run in runs:
        full = round(run.progress * _BAR)
        line = Text(f"  {run.job_id:<36} ")
        line.append("█" * full, style="green")
        line.append("░" * (_BAR - full), style="dim")
        loss = _NONE if run.loss is None else f"{run.loss:.3f}"
        line.append(f" {run.progress:4.0%}  loss {loss}")
        lines.append(line)
    return lines


def _processes(processes: Sequence[Process]) -> Table:
    table = _table("PROCESS", "STATE", "CPU", "MEMORY", "SINCE")
    for process in processes:
        table.add_row(
            process.name,
            Text("up", style="green") if process.up else Text("down", style="bold red"),
            _NONE if process.cpu is None else f"{process.cpu:.0%}",
            f"{process.memory / (1 << 20):.0f} MiB" if process.memory else _NONE,
            _since(process.seconds),
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _quantiles(found: Quantiles) -> tuple[str, str]:
    return f"p50 {_seconds(found.p50)}", f"p95 {_seconds(found.p95)}"


def _cost(cost: Cost | None) -> tuple[str, str]:
    if cost is None:
        return "no prices", ""
    an_hour = _NONE if cost.an_hour is None else f"{cost.an_hour:.2f}"
    return f"{an_hour} {cost.currency}/h", f"today {cost.today:.2f} {cost.currency}"


def _trend(values: Sequence[float]) -> Text:
    highest = max(values, default=0.0)
    if not highest:
        return Text()
    steps = len(_BLOCKS) - 1
    return Text("".join(_BLOCKS[round(v / highest * steps)] for v in values), style="cyan")


def _number(value: float | None) -> str:
    if value is None:
        return _NONE
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{share:.1%}"


def _seconds(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _since(seconds: float | None) -> str:
    if seconds is None:
        return _NONE
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
