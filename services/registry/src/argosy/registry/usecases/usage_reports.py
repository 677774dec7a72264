"""Reports what was used, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage_reports import Bucket, Field, Filter, Kind, Used
from argosy.registry.domain.usage_windows import Asked, Window, window
from argosy.registry.store import usage_reports

# Where a page ends early and another one follows, so that no answer takes long to make.
PAGE_RESULTS: Final = 2_500
# What a single bucket may have at most, so that an answer stays small enough to send.
MOST_RESULTS: Final = 20_000


class UsageReports:
    """The use cases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def used(
        self, kind: Kind, asked: Asked, only: Filter, group_by: Sequence[Field]
    ) -> tuple[list[Bucket[Used]], str]:
        """Return a page of buckets and the cursor of the next one. Raises RuleBroken."""
        page = window(asked, int(self._clock.now().timestamp()))
        found: list[Used] = []
        async with self._database.begin() as connection:
            await usage_reports.ready(connection)
            groups = await usage_reports.groups(connection, kind, only, group_by)
            done = 0
            while done < len(page.buckets) and (count := to_read(done, len(found), groups)):
                part = page.part(done, count)
                # A bucket without groups has one result, and a low limit would have PostgreSQL
                # sort what it can hash.
                room = PAGE_RESULTS + 1 - len(found) if group_by else MOST_RESULTS
                found += await usage_reports.used(connection, kind, part, only, group_by, room)
                done += len(part.buckets)
            page = page.first(done)
            cut = found[-1].bucket if len(found) > PAGE_RESULTS else None
            if cut is not None and page.is_first(cut):
                page = page.first(1)
                found = await usage_reports.used(
                    connection, kind, page, only, group_by, MOST_RESULTS + 1
                )
                cut = cut if len(found) > MOST_RESULTS else None
        return laid_out(page, found, cut)


def to_read(done: int, found: int, groups: int) -> int:
    """Return how many more buckets fill the page, where a bucket has at most `groups` results.

    After the first `done` buckets with `found` results the next ones are taken to have as many.
    What does not fit would be read in vain: 0 if the page is full enough.
    """
    if not done:
        return max(1, PAGE_RESULTS // max(1, groups))
    room = PAGE_RESULTS - found
    if room * 4 < PAGE_RESULTS:
        return 0
    return room * done // found if found else 4 * done


class Dated(Protocol):
    """A result with the start of its bucket."""

    @property
    def bucket(self) -> int: ...


R = TypeVar("R", bound=Dated)


def laid_out(page: Window, found: Sequence[R], cut: int | None) -> tuple[list[Bucket[R]], str]:
    """Return every bucket of the page, those without results too, and the next page's cursor.

    `cut` is the first bucket whose results are not all found. Raises RuleBroken if that is the
    page's first.
    """
    if cut is not None:
        page = _shortened(page, cut)
    buckets: dict[int, Bucket[R]] = {s.start // page.width: Bucket(s) for s in page.buckets}
    for result in found:
        if (bucket := buckets.get(result.bucket // page.width)) is not None:
            bucket.results.append(result)
    return list(buckets.values()), page.next_page


def _shortened(page: Window, unfinished: int) -> Window:
    """Return the page up to the bucket whose results are not all here."""
    whole = sum(span.start // page.width * page.width < unfinished for span in page.buckets)
    if not whole:
        raise RuleBroken(
            f"One bucket has more than {MOST_RESULTS} results. Group by fewer fields, or name "
            "projects, keys or models.",
            param="group_by",
        )
    return page.first(whole)
