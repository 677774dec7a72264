"""Cleaning: a version through a pipeline of operators into the next version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from argosy.registry.datasets import parameters
from argosy.registry.datasets.operators.catalogue import pipeline
from argosy.registry.datasets.operators.cleaning import Cleaning
from argosy.registry.datasets.parameters import Clean
from argosy.registry.datasets.sets import Step
from argosy.registry.datasets.usecases.shelf import version_in
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.datasets.worker.landing import Rows, next_version, put_rows
from argosy.registry.datasets.worker.spools import Kept, Spool, spool, written


async def work(bench: Bench) -> None:
    """Do a cleaning task."""
    asked = parameters.read(Clean, bench.task.parameters)
    task = bench.task
    async with bench.database.begin() as connection:
        source = await version_in(connection, task.project_id, asked.version_id, task.dataset_id)
    run = Cleaning(pipeline(asked.operations), asked.samples)
    records = await spool(bench, source)
    bench.progress.total = records.count
    target = bench.new_path()
    remaining = await asyncio.to_thread(written, target, _lines(bench, run, records))
    operators = [_told(step) for step in run.steps]
    async with bench.landing() as landing:
        version = await next_version(landing.connection, task, asked.version_id, bench.clock.now())
        counts = [{k: o[k] for k in ("name", "changed", "dropped")} for o in operators]
        details = {"operations": asked.operations, "operators": counts, "records": remaining}
        step = Step("clean", bench.clock.now(), details, task.id)
        await put_rows(landing.connection, version, Rows(target), [step])
        landing.version_id = version.id
        landing.result = {
            "version_id": version.id,
            "records": records.count,
            "remaining": remaining,
            "dropped": records.count - remaining,
            "operators": operators,
        }


def _lines(bench: Bench, run: Cleaning, records: Spool) -> Iterator[str]:
    shown: list[Kept] = []

    def feed() -> Iterator[dict[str, Any]]:
        for kept in bench.progress.watch(records):
            shown[:] = [kept]
            yield kept.record

    # The pipeline takes one record at a time, so what it yields came from the last one shown.
    for cleaned in run(feed()):
        yield shown[0].line(cleaned)


def _told(step: Any) -> dict[str, Any]:
    return {
        "name": step.name,
        "seen": step.seen,
        "changed": step.changed,
        "dropped": step.dropped,
        "remaining": step.remaining,
        "samples": [asdict(sample) for sample in step.samples],
    }
