"""What a dashboard is made of, and how Grafana wants it. Knows no metric.

A board says what is to be seen; the look is the same everywhere and decided here. Queries are in
the language of Prometheus, with Grafana's `$__rate_interval` and the board's own `$model` or
`$project`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    VariableRefresh,
    VariableSort,
)

TAG: Final = "argosy"
_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True)
class Query:
    """One line of a panel; `legend` may hold labels in double braces."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Graph:
    """Lines over time, each query with as many as it has series. `unit` is Grafana's name of it."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    stacked: bool = False
    description: str = ""
    width: int = 8


@dataclass(frozen=True)
class Number:
    """The newest value, large."""

    title: str
    unit: str
    expr: str
    description: str = ""
    decimals: int | None = None
    width: int = 4

    @property
    def queries(self) -> tuple[Query, ...]:
        """The one query, as a graph has them."""
        return (Query(self.expr),)


Panel = Graph | Number


@dataclass(frozen=True)
class Choice:
    """A selection at the board's top: the values that a label of a metric has."""

    name: str
    metric: str
    label: str


@dataclass(frozen=True)
class Board:
    """A dashboard: rows of panels under headings. `name` is its file's, and its uid's end."""

    name: str
    title: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    choices: tuple[Choice, ...] = field(default=())

    def panels(self) -> Iterator[Panel]:
        """Yield every panel."""
        for _, panels in self.rows:
            yield from panels

    def text(self) -> str:
        """Return the dashboard as Grafana reads it."""
        made = (
            dashboard.Dashboard(f"Argosy / {self.title}")
            .uid(f"argosy-{self.name}")
            .tags([TAG])
            .time("now-3h", "now")
            .refresh("30s")
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .link(
                dashboard.DashboardLink("Argosy")
                .type(DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(True)
                .keep_time(True)
            )
            .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
        )
        for choice in self.choices:
            made.with_variable(_variable(choice))
        ids = itertools.count(1)
        for heading, panels in self.rows:
            made.with_row(dashboard.Row(heading).id(next(ids)))
            for panel in panels:
                drawn = _graph(panel) if isinstance(panel, Graph) else _number(panel)
                made.with_panel(drawn.id(next(ids)))
        return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _variable(choice: Choice) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(choice.name)
        .query(f"label_values({choice.metric}, {choice.label})")
        .datasource(_SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _target(query: Query, number: int) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + number)).range()
    return made.legend_format(query.legend or "__auto")


def _graph(panel: Graph) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .min(0)
        .height(8)
        .span(panel.width)
        .fill_opacity(30 if panel.stacked else 8)
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.LIST)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if panel.stacked:
        made.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    for number, query in enumerate(panel.queries):
        made.with_target(_target(query, number))
    return made


def _number(panel: Number) -> stat.Panel:
    made = (
        stat.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .height(4)
        .span(panel.width)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(Query(panel.expr), 0))
    )
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    return made
