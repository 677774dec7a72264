"""Reflow: stored completions as records of a data set, with what people thought of them."""

from __future__ import annotations

import asyncio
from typing import Any

from argosy.api import records as kinds
from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets import parameters
from argosy.registry.datasets.completions import RATING, StoredCompletion, as_record
from argosy.registry.datasets.parameters import Reflow
from argosy.registry.datasets.sets import RecordStatus, Step, characters
from argosy.registry.datasets.store import completions
from argosy.registry.datasets.store.records import copy_line
from argosy.registry.datasets.usecases.shelf import dataset_in
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.datasets.worker.landing import Rows, open_version, put_rows
from argosy.registry.datasets.worker.spools import dump
from argosy.registry.intake import tuning_records
from argosy.registry.intake.problems import Problem


async def work(bench: Bench) -> None:
    """Do a reflow task."""
    asked = parameters.read(Reflow, bench.task.parameters)
    task, filters = bench.task, dict(asked.metadata)
    if asked.rating is not None:
        filters[RATING] = asked.rating
    async with bench.database.begin() as connection:
        kind = (await dataset_in(connection, task.project_id, task.dataset_id)).kind
    kind = kind or kinds.DIALOGUE
    path, counts = bench.new_path(), {"records": 0, "unannotated": 0, "refused": 0}
    with path.open("w", encoding="utf-8", newline="\n") as sink:
        async with bench.database.begin() as connection:
            found = completions.batches(
                connection,
                task.project_id,
                asked.model or "",
                filters,
                bad_cases=asked.bad_cases,
            )
            async for some in found:
                lines = [_line(one, kind, counts) for one in some]
                await asyncio.to_thread(sink.writelines, [f"{x}\n" for x in lines if x])
                bench.progress.step(len(some))
    if not counts["records"]:
        raise InvalidRequest(
            "No stored completion fits. Send store=true with requests, in a project that stores.",
            code="empty_version",
        )
    async with bench.landing() as landing:
        now = bench.clock.now()
        version = await open_version(
            landing.connection, task, None, kind=kind, now=now, empty=False
        )
        details: dict[str, Any] = {
            "model": asked.model,
            "metadata": filters,
            "bad_cases": asked.bad_cases,
            **counts,
        }
        step = Step("reflow", now, details, task.id)
        await put_rows(landing.connection, version, Rows(path), [step])
        landing.version_id = version.id
        landing.result = {"version_id": version.id, **counts}


def _line(value: StoredCompletion, kind: str, counts: dict[str, int]) -> str | None:
    """Return the row that a completion makes, or None if it makes no record of the kind."""
    record = as_record(value, kind)
    try:
        answered = record is not None and tuning_records.judge(record, kind, answered=False)
    except Problem:
        record = None
    if record is None:
        counts["refused"] += 1
        return None
    counts["records"] += 1
    counts["unannotated"] += not answered
    status = RecordStatus.ANNOTATED if answered else RecordStatus.UNANNOTATED
    notes: dict[str, Any] = {
        "origin": "reflow",
        "completion_id": value.id,
        "metadata": value.metadata,
    }
    if value.bad_case is not None:
        notes["bad_case"] = value.bad_case
    return copy_line(status, characters(record), dump(record), dump(notes))
