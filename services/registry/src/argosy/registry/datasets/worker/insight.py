"""Insight: distributions over a version's records, and each record's traits, to find it by."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets import parameters
from argosy.registry.datasets.operators.insight.report import Insight, Thresholds
from argosy.registry.datasets.operators.insight.traits import Examiner
from argosy.registry.datasets.parameters import Look
from argosy.registry.datasets.store import traits
from argosy.registry.datasets.store.records import json_line
from argosy.registry.datasets.usecases.shelf import version_in
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.datasets.worker.landing import Rows
from argosy.registry.datasets.worker.spools import Kept, Spool, spool, written
from argosy.registry.measuring.token_counter import NoTokenizer, TokenCounter
from argosy.registry.store import catalog


async def work(bench: Bench) -> None:
    """Do an insight task."""
    asked = parameters.read(Look, bench.task.parameters)
    async with bench.database.begin() as connection:
        version = await version_in(
            connection, bench.task.project_id, asked.version_id, bench.task.dataset_id
        )
    counter = await _counter(bench, asked.model)
    given = asked.thresholds.model_dump(exclude_none=True) if asked.thresholds else {}
    run = Insight(Examiner(), Thresholds.checked(**given))
    records = await spool(bench, version)
    bench.progress.total = records.count
    target = bench.new_path()
    await asyncio.to_thread(written, target, _lines(bench, run, records, counter))
    async with bench.landing() as landing:
        await traits.replace(landing.connection, version.seq, Rows(target))
        landing.version_id = version.id
        landing.result = run.report() | {"version_id": version.id, "model": asked.model}


def _lines(
    bench: Bench, run: Insight, records: Spool, counter: TokenCounter | None
) -> Iterator[str]:
    positions: list[int] = []

    def feed() -> Iterator[tuple[dict[str, Any], int | None]]:
        for kept, tokens in _measured(bench.progress.watch(records), counter):
            positions[:] = [kept.position]
            yield kept.record, tokens

    for _, found in run(feed()):
        yield f"{positions[0]}\t{json_line(json.dumps(found.as_dict(), ensure_ascii=False))}"


def _measured(
    records: Iterator[Kept], counter: TokenCounter | None
) -> Iterator[tuple[Kept, int | None]]:
    if counter is None:
        for kept in records:
            yield kept, None
        return
    ours, theirs = itertools.tee(records)
    numbered = ((kept.position, kept.record) for kept in theirs)
    for kept, measured in zip(ours, counter.lengths(numbered), strict=True):
        yield kept, measured.longest


async def _counter(bench: Bench, model_id: str | None) -> TokenCounter | None:
    if model_id is None:
        return None
    async with bench.database.begin() as connection:
        found = [m for m in await catalog.base_models(connection) if m.id == model_id]
    if not found or not found[0].weights_path:
        raise InvalidRequest(
            f"Tokens cannot be counted for the model {model_id}: it is no base model with weights "
            "here.",
            param="model",
            code="model_not_found",
        )
    try:
        return await asyncio.to_thread(TokenCounter.open, Path(found[0].weights_path))
    except NoTokenizer as error:
        raise InvalidRequest(
            f"Tokens cannot be counted for the model {model_id}: {error}.", param="model"
        ) from None
