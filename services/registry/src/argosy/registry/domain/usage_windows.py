"""Time in a usage report: its buckets, its pages, and which sums make up a span of time.

Knows instants and widths. Does not know what is summed. Unix seconds throughout, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from argosy.registry.domain.rules import RuleBroken

# 9999-12-31: the last day that PostgreSQL and Python agree upon.
_LAST_SECOND: Final = 253_402_214_400
_PAGE: Final = "page_"


class Width(IntEnum):
    """The widths of buckets, in seconds."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86_400


# Buckets a page by default and at most, as OpenAI's documentation has them.
_LIMITS: Final = {Width.MINUTE: (60, 1440), Width.HOUR: (24, 168), Width.DAY: (7, 31)}
COST_LIMITS: Final = (7, 180)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end`, without the end."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report's window says, as the caller sent it: 0 or empty is the default."""

    start: int
    end: int
    width: Width
    limit: int
    page: str


@dataclass(frozen=True, slots=True)
class Window:
    """One page of a report: whole buckets of `width`, the first and the last one maybe cut."""

    width: Width
    buckets: Sequence[Span]
    # Where the report ends; beyond the page if more pages follow.
    end: int

    @property
    def span(self) -> Span:
        """What the page covers."""
        return Span(self.buckets[0].start, self.buckets[-1].end)

    def first(self, count: int) -> Window:
        """Return the same page with only its first buckets."""
        return Window(self.width, self.buckets[:count], self.end)

    def is_first(self, bucket: int) -> bool:
        """Tell whether a result's bucket is the page's first."""
        return bucket // self.width == self.buckets[0].start // self.width

    def part(self, start: int, count: int) -> Window:
        """Return at most `count` of the page's buckets, without the first `start`."""
        return Window(self.width, self.buckets[start : start + count], self.end)

    @property
    def next_page(self) -> str:
        """The cursor of the page that follows, empty if none does.

        It carries the report's end, so that a report up to now ends on some page.
        """
        after = self.span.end
        return f"{_PAGE}{after:x}-{self.end:x}" if after < self.end else ""


def window(asked: Asked, now: int, limits: tuple[int, int] | None = None) -> Window:
    """Return the page that is asked for; raises RuleBroken naming the parameter.

    The start is cut down to a minute and an end filled up to one, so that a sum by minutes is
    exact. Without an end the last bucket is the one that is under way.
    """
    start = _instant(asked.start, "start_time") // Width.MINUTE * Width.MINUTE
    if asked.end:
        end = -(-_instant(asked.end, "end_time") // Width.MINUTE) * Width.MINUTE
    else:
        end = (max(now, start) // asked.width + 1) * asked.width
    if end <= start:
        raise RuleBroken("end_time must be after start_time.", param="end_time")
    if asked.page:
        start, end = _cursor(asked.page, start)
    default, most = limits or _LIMITS[asked.width]
    limit = asked.limit or default
    if not 1 <= limit <= most:
        raise RuleBroken(
            f"limit must be between 1 and {most} for buckets of this width.", param="limit"
        )
    buckets: list[Span] = []
    while start < end and len(buckets) < limit:
        until = min((start // asked.width + 1) * asked.width, end)
        buckets.append(Span(start, until))
        start = until
    return Window(asked.width, buckets, end)


def whole_days(asked: Asked) -> Asked:
    """Return the same with its ends moved outwards to midnights, for what is known by the day."""
    day = Width.DAY
    return Asked(
        _instant(asked.start, "start_time") // day * day,
        -(-_instant(asked.end, "end_time") // day) * day,
        day,
        asked.limit,
        asked.page,
    )


def parts(span: Span, widest: Width) -> Iterator[tuple[Width, Span]]:
    """Yield the spans of sums by day, hour and minute that make up `span` exactly.

    `span` lies on minutes; no sum is wider than `widest`.
    """
    if span.start >= span.end:
        return
    inner = Span(-(-span.start // widest) * widest, span.end // widest * widest)
    if widest is Width.MINUTE:
        yield widest, span
        return
    finer = Width.HOUR if widest is Width.DAY else Width.MINUTE
    if inner.start >= inner.end:
        yield from parts(span, finer)
        return
    yield from parts(Span(span.start, inner.start), finer)
    yield widest, inner
    yield from parts(Span(inner.end, span.end), finer)


def _instant(seconds: int, name: str) -> int:
    if not 0 <= seconds <= _LAST_SECOND:
        raise RuleBroken(
            f"{name} must be a time in Unix seconds, from 0 to {_LAST_SECOND}.", param=name
        )
    return seconds


def _cursor(page: str, start: int) -> tuple[int, int]:
    """Return the start of the page and the end of the report."""
    try:
        after, end = (int(part, 16) for part in page.removeprefix(_PAGE).split("-"))
    except ValueError:
        after = end = -1
    on_minutes = after % Width.MINUTE == 0 and end % Width.MINUTE == 0
    if not (page.startswith(_PAGE) and on_minutes and start < after < end <= _LAST_SECOND):
        raise RuleBroken(
            "page must be the next_page of a report with the same start_time. Leave it out for "
            "the first page.",
            param="page",
        )
    return after, end
