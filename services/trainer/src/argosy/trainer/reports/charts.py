"""Line charts as inline SVG, light and dark by the page's own colours.

Knows points and pixels. Does not know what a curve means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from argosy.trainer.domain.diagnosis.series import Series

_WIDTH: Final = 640
_HEIGHT: Final = 240
_LEFT: Final = 58
_RIGHT: Final = 12
_TOP: Final = 12
_BOTTOM: Final = 30
# Of a longer series each pixel's lowest and highest point are drawn: no spike is lost.
_MOST_POINTS: Final = 2 * (_WIDTH - _LEFT - _RIGHT)
_TICKS: Final = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a step, with a word; `kind` is a CSS class of the page."""

    step: int
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where steps and values lie in the picture."""

    first: float
    last: float
    low: float
    high: float
    # Between two lines of the grid.
    tick: float

    def x(self, step: float) -> float:
        share = (step - self.first) / max(self.last - self.first, 1)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def line_chart(
    title: str,
    curves: Mapping[str, Series],
    *,
    marks: Sequence[Mark] = (),
    spikes: Sequence[int] = (),
) -> str:
    """Return an `<svg>` of all `curves` on one axis. At least one must have a point."""
    shown = {name: series for name, series in curves.items() if len(series)}
    frame = _frame(list(shown.values()))
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">',
        _grid(frame),
    ]
    inside = [mark for mark in marks if frame.first <= mark.step <= frame.last]
    parts += [_mark(frame, mark, row) for row, mark in enumerate(inside)]
    for index, (name, series) in enumerate(shown.items()):
        parts.append(_curve(frame, name, series, index))
    first = next(iter(shown.values()))
    points = dict(zip(first.steps, first.values, strict=True))
    parts += [
        f'<circle class="spike" cx="{frame.x(step):.1f}" cy="{frame.y(points[step]):.1f}" r="4">'
        f"<title>step {step}: {points[step]:.4g}</title></circle>"
        for step in spikes
        if step in points
    ]
    parts.append("</svg>")
    return "".join(parts)


def legend(names: Sequence[str]) -> str:
    """Return the names in the colours of their curves."""
    items = (
        f'<span class="key c{index}">{escape(name)}</span>' for index, name in enumerate(names)
    )
    return f'<p class="legend">{"".join(items)}</p>'


def thinned(series: Series) -> Series:
    """Return at most so many points as can be told apart, with every peak and every dip."""
    if len(series) <= _MOST_POINTS:
        return series
    size = math.ceil(len(series) / (_MOST_POINTS // 2))
    kept: list[int] = []
    for start in range(0, len(series), size):
        bucket = range(start, min(start + size, len(series)))
        ends = {
            min(bucket, key=series.values.__getitem__),
            max(bucket, key=series.values.__getitem__),
        }
        kept.extend(sorted(ends))
    return Series(
        tuple(series.steps[index] for index in kept), tuple(series.values[index] for index in kept)
    )


def _frame(curves: Sequence[Series]) -> _Frame:
    values = [value for series in curves for value in series.values]
    low, high = min(values), max(values)
    # Losses and rates are read against zero, unless they live far from it.
    if 0 <= low < 0.5 * high:
        low = 0.0
    if high - low < 1e-12:
        high = low + max(abs(low), 1.0) * 0.1
    tick = _round_step((high - low) / _TICKS)
    return _Frame(
        min(series.steps[0] for series in curves),
        max(series.steps[-1] for series in curves),
        math.floor(low / tick + 1e-9) * tick,
        math.ceil(high / tick - 1e-9) * tick,
        tick,
    )


def _round_step(wanted: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is not less than `wanted`."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= wanted)


def _grid(frame: _Frame) -> str:
    parts = []
    for index in range(round((frame.high - frame.low) / frame.tick) + 1):
        value = frame.low + frame.tick * index
        y = frame.y(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{_short(value)}</text>"
        )
    for index in range(_TICKS + 1):
        step = round(frame.first + (frame.last - frame.first) * index / _TICKS)
        anchor = ("start", "middle", "middle", "middle", "end")[index]
        parts.append(
            f'<text class="tick" x="{frame.x(step):.1f}" y="{_HEIGHT - _BOTTOM + 18}" '
            f'text-anchor="{anchor}">{step}</text>'
        )
    return "".join(parts)


def _curve(frame: _Frame, name: str, series: Series, index: int) -> str:
    drawn = thinned(series)
    points = " ".join(
        f"{frame.x(step):.1f},{frame.y(value):.1f}"
        for step, value in zip(drawn.steps, drawn.values, strict=True)
    )
    dots = ""
    if len(series) <= _WIDTH // 8:
        dots = "".join(
            f'<circle class="dot c{index}" cx="{frame.x(step):.1f}" cy="{frame.y(value):.1f}" '
            f'r="2.5"><title>{escape(name)}, step {step}: {value:.4g}</title></circle>'
            for step, value in zip(series.steps, series.values, strict=True)
        )
    return f'<polyline class="curve c{index}" points="{points}"/>{dots}'


def _mark(frame: _Frame, mark: Mark, row: int) -> str:
    x = frame.x(mark.step)
    right = x > _WIDTH * 0.8
    # Words of neighbouring marks stand below each other.
    y = _TOP + 10 + 13 * (row % 6)
    return (
        f'<line class="mark {mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" '
        f'y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text class="note {mark.kind}" x="{x + (-4 if right else 4):.1f}" y="{y}" '
        f'text-anchor="{"end" if right else "start"}">{escape(mark.label)}</text>'
    )


def _short(value: float) -> str:
    return "0" if abs(value) < 1e-15 else f"{value:.4g}"
