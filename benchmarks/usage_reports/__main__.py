"""`python -m benchmarks.usage_reports [--events N]`: medians of reports over a month, as a table.

Each report is made as in production from the registry's servicer to the gateway's JSON, without the
two sockets in between. Time is CPU time of PostgreSQL and Python, which is what the wall's would be
on a machine that does nothing else. Exits with 1 if one is wrong or takes longer than 200 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.gateway.http.usage_shapes import REPORTS, costs_json, usage_json
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.registry.rpc.usage_reports import UsageReportServicer
from argosy.registry.usecases.cost_estimates import CostEstimates
from argosy.registry.usecases.usage_costs import UsageCosts
from argosy.registry.usecases.usage_reports import UsageReports
from pydantic import SecretStr

from benchmarks.usage_reports import month
from tests.harness.servers import Postgres

_GOAL_MS: Final = 200.0
_RUNS: Final = 7
_DAY: Final = 86_400
_WIDTHS: Final = {
    "1m": pb.BUCKET_WIDTH_MINUTE,
    "1h": pb.BUCKET_WIDTH_HOUR,
    "1d": pb.BUCKET_WIDTH_DAY,
}
_WORDS: Final = {
    pb.USAGE_FIELD_PROJECT: "project_id",
    pb.USAGE_FIELD_USER: "user_id",
    pb.USAGE_FIELD_KEY: "api_key_id",
    pb.USAGE_FIELD_MODEL: "model",
    pb.USAGE_FIELD_LINE_ITEM: "line_item",
}
_BEGIN: Final = datetime.fromisoformat(month.BEGIN).replace(tzinfo=UTC)
_START: Final = int(_BEGIN.timestamp())
_END: Final = _START + month.DAYS * _DAY

Report = Callable[[], Awaitable[dict[str, Any]]]


class Desk:
    """Makes the reports of the table."""

    def __init__(self, database: Database) -> None:
        clock = ManualClock(_BEGIN + timedelta(days=month.DAYS))
        self._servicer = UsageReportServicer(
            UsageReports(database, clock),
            UsageCosts(database, clock, "usd"),
            CostEstimates(database, clock, "usd"),
        )

    def usage(
        self, width: str, start: int, end: int, *group_by: pb.UsageField.ValueType, **only: Any
    ) -> Report:
        most = {"1m": 1440, "1h": 168, "1d": 31}[width]
        request = pb.ReportUsageRequest(
            kind=pb.USAGE_KIND_COMPLETIONS,
            window=pb.UsageWindow(start_time=start, end_time=end, width=_WIDTHS[width], limit=most),
            filter=pb.UsageFilter(**only),
            group_by=group_by,
        )
        words = frozenset(_WORDS[field] for field in group_by)

        async def report() -> dict[str, Any]:
            answer = await self._servicer.ReportUsage(request, None)
            return usage_json(REPORTS["completions"], answer, words)

        return report

    def costs(self, *group_by: pb.UsageField.ValueType) -> Report:
        request = pb.ReportCostsRequest(
            window=pb.UsageWindow(start_time=_START, end_time=_END, width=_WIDTHS["1d"], limit=31),
            group_by=group_by,
        )
        words = frozenset(_WORDS[field] for field in group_by)

        async def report() -> dict[str, Any]:
            return costs_json(await self._servicer.ReportCosts(request, None), words)

        return report


def reports(desk: Desk) -> dict[str, Report]:
    """Return the reports that are timed, by what they are."""
    project, user, key, model = (
        pb.USAGE_FIELD_PROJECT, pb.USAGE_FIELD_USER, pb.USAGE_FIELD_KEY, pb.USAGE_FIELD_MODEL,
    )  # fmt: skip
    week, odd = _END - 7 * _DAY, _START + 45_296
    return {
        "30 days by day": desk.usage("1d", _START, _END),
        "30 days by day, cut within days": desk.usage("1d", odd, _END - 12_345),
        "30 days by day, by project": desk.usage("1d", _START, _END, project),
        "30 days by day, by project and model": desk.usage("1d", _START, _END, project, model),
        "30 days by day, by key": desk.usage("1d", _START, _END, key),
        "30 days by day, one project by user": desk.usage(
            "1d", _START, _END, user, project_ids=["proj_3"]
        ),
        "168 hours by hour": desk.usage("1h", week, _END),
        "168 hours by hour, by model": desk.usage("1h", week, _END, model),
        "168 hours by hour, by project": desk.usage("1h", week, _END, project),
        "168 hours by hour, by key": desk.usage("1h", week, _END, key),
        "168 hours by hour, by user": desk.usage("1h", week, _END, user),
        "168 hours by hour, one user by model": desk.usage(
            "1h", week, _END, model, user_ids=["user_7"]
        ),
        "1440 minutes by minute": desk.usage("1m", _END - _DAY, _END),
        "1440 minutes by minute, by model": desk.usage("1m", _END - _DAY, _END, model),
        "1440 minutes by minute, by key": desk.usage("1m", _END - _DAY, _END, key),
        "costs of 30 days": desk.costs(),
        "costs of 30 days, by project": desk.costs(project),
        "costs of 30 days, by project and line item": desk.costs(project, pb.USAGE_FIELD_LINE_ITEM),
    }


async def right(database: Database, desk: Desk) -> bool:
    """Tell whether three reports agree with the events themselves."""
    wrong = 0
    for report, condition in (
        (desk.usage("1d", _START, _END), "true"),
        (desk.usage("1h", _END - 100_000, _END), f"at >= to_timestamp({_END - 100_020})"),
        (
            desk.usage("1d", _START + 45_296, _END - 12_345, project_ids=["proj_3"]),
            f"project_id = 'proj_3' AND at >= to_timestamp({(_START + 45_296) // 60 * 60})"
            f" AND at < to_timestamp({-(-(_END - 12_345) // 60) * 60})",
        ),
    ):
        told = sum(r["input_tokens"] for b in (await report())["data"] for r in b["results"])
        there = await month.tokens(database, f"operation = 'chat' AND {condition}")
        if told != there:
            print(f"WRONG: {told} input tokens reported, {there} in the events: {condition}")
            wrong += 1
    return not wrong


@contextlib.asynccontextmanager
async def database() -> AsyncIterator[tuple[Database, Postgres]]:
    """Run a PostgreSQL with an empty ledger for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix="argosy-usage-benchmark-"))
    folder.chmod(0o755)  # noqa: ASYNC240 - nothing runs beside it
    try:
        postgres = Postgres(folder)
        try:
            url = SecretStr(await postgres.new_database("usage"))
            async with Database.open(url, "registry") as opened:
                await opened.migrate("argosy.registry.store.migrations")
                yield opened, postgres
        finally:
            postgres.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def measure(events: int) -> bool:
    """Print the table; tell whether all is right and fast enough."""
    async with database() as (opened, postgres):
        begun = time.perf_counter()
        await month.make(opened, events)
        shown = ", ".join(f"{n:,} in {t}" for t, n in (await month.rows(opened)).items())
        print(f"{events:,} events made in {time.perf_counter() - begun:.0f} s; rows: {shown}\n")
        desk = Desk(opened)
        fine = await right(opened, desk)
        print("| report | results | kB | CPU ms | of these SQL | wall ms |\n" + "| --- " * 6 + "|")
        for name, report in reports(desk).items():
            fine = await timed(name, report, postgres) and fine
    return fine


async def timed(name: str, report: Report, postgres: Postgres) -> bool:
    """Print one report's row; tell whether it is fast enough."""
    walls: list[float] = []
    python: list[float] = []
    sql: list[float] = []
    body, answer = b"", dict[str, Any]()
    for _ in range(_RUNS):
        begun = time.perf_counter(), time.process_time(), cpu_seconds(postgres)
        answer = await report()
        body = msgspec.json.encode(answer)
        ended = time.perf_counter(), time.process_time(), cpu_seconds(postgres)
        for times, start, end in zip((walls, python, sql), begun, ended, strict=True):
            times.append((end - start) * 1000)
    count = sum(len(bucket["results"]) for bucket in answer["data"])
    database, wall = statistics.median(sql), statistics.median(walls)
    both = statistics.median(map(sum, zip(python, sql, strict=True)))
    print(f"| {name} | {count} | {len(body) // 1000} | {both:.0f} | {database:.0f} | {wall:.0f} |")
    return both <= _GOAL_MS


def cpu_seconds(postgres: Postgres) -> float:
    """Return the CPU time of all of the server's processes so far, of those that ended too."""
    # Workers of parallel plans end with their query: fields 16 and 17 have what such ones took.
    ended = Path(f"/proc/{postgres.pid}/stat").read_text().rsplit(")", 1)[1].split()[13:15]
    total = sum(map(int, ended)) / os.sysconf("SC_CLK_TCK")
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text().rsplit(")", 1)[1].split()
            if int(words[1]) == postgres.pid:
                total += int((path.parent / "schedstat").read_text().split()[0]) / 1e9
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    sys.exit(0 if asyncio.run(measure(parser.parse_args().events)) else 1)
