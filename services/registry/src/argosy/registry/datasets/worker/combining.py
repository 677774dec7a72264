"""Split, mix and convert: versions of what other versions hold.

A split makes two versions of one, a mix one of several at rates, a conversion brings rankings to
the form of methods that compare two answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from argosy.api import records as kinds
from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets import parameters
from argosy.registry.datasets.operators.mixing import Part, shares
from argosy.registry.datasets.operators.rankings import best_answer, pairs
from argosy.registry.datasets.operators.splitting import sample, set_aside
from argosy.registry.datasets.parameters import Convert, Mix, Split
from argosy.registry.datasets.sets import Step, Version
from argosy.registry.datasets.store import sets
from argosy.registry.datasets.usecases.shelf import version_in
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.datasets.worker.landing import Rows, next_version, open_version, put_rows
from argosy.registry.datasets.worker.spools import Spool, spool, written


async def split(bench: Bench) -> None:
    """Do a split task: two new versions, the larger one first."""
    asked = parameters.read(Split, bench.task.parameters)
    source = await _source(bench, asked.version_id, bench.task.dataset_id)
    records = await spool(bench, source)
    bench.progress.total = records.count
    aside = set_aside(records.count, asked.split_ratio, asked.seed)
    names = ("train", "validation")
    paths = [bench.new_path() for _ in names]

    def part(smaller: bool) -> Iterator[str]:
        for index, kept in enumerate(records):
            if (index in aside) is smaller:
                bench.progress.step()
                yield kept.line()

    for smaller, path in enumerate(paths):
        await asyncio.to_thread(written, path, part(bool(smaller)))
    async with bench.landing() as landing:
        result: dict[str, Any] = {}
        now = bench.clock.now()
        for name, path in zip(names, paths, strict=True):
            version = await next_version(landing.connection, bench.task, source.id, now)
            details = {"part": name, "split_ratio": asked.split_ratio, "seed": asked.seed}
            step = Step("split", now, details, bench.task.id)
            made = await put_rows(landing.connection, version, Rows(path), [step])
            result[f"{name}_version_id"] = made.id
            result[f"{name}_records"] = made.records
        landing.version_id = result["train_version_id"]
        landing.result = result


async def mix(bench: Bench) -> None:
    """Do a mix task: one new version of several, each at its rate."""
    asked = parameters.read(Mix, bench.task.parameters)
    sources = [await _source(bench, s.version_id, "") for s in asked.sources]
    found = {s.kind for s in sources}
    if len(found) != 1:
        raise InvalidRequest(
            f"The versions hold different kinds of records: {', '.join(sorted(found))}.",
            param="sources",
            code="wrong_kind",
        )
    spools = [await spool(bench, source) for source in sources]

    def drawn() -> Iterator[str]:
        for source, given, records in zip(sources, asked.sources, spools, strict=True):
            for kept in sample(records, records.count, given.sampling_rate, seed=asked.seed):
                bench.progress.step()
                yield kept.line(mixed_from=source.id)

    target = bench.new_path()
    count = await asyncio.to_thread(written, target, drawn())
    table = await _table(bench, asked, sources)
    await _land(bench, target, sources[0].kind, "mix", {"sources": table}, count)


async def convert(bench: Bench) -> None:
    """Do a conversion task: a version of rankings into pairs, or into their best answers."""
    asked = parameters.read(Convert, bench.task.parameters)
    source = await _source(bench, asked.version_id, "")
    if source.kind != kinds.RANKED:
        raise InvalidRequest(
            f"The version holds records of kind {source.kind}; rankings (ranked) are converted.",
            param="version_id",
            code="wrong_kind",
        )
    if source.unannotated or source.drafts:
        raise InvalidRequest(
            f"{source.unannotated + source.drafts} records have no ranking by a person yet.",
            param="version_id",
            code="version_not_annotated",
        )
    records = await spool(bench, source)
    bench.progress.total = records.count
    target = bench.new_path()
    count = await asyncio.to_thread(written, target, _converted(bench, asked, records))
    details = {"version_id": source.id, "to": asked.to}
    await _land(bench, target, asked.to, "convert", details, count)


def _converted(bench: Bench, asked: Convert, records: Spool) -> Iterator[str]:
    for kept in bench.progress.watch(records):
        made: Iterator[dict[str, Any]] = (
            pairs(kept.record, neighbours_only=asked.neighbours_only)
            if asked.to == kinds.PREFERENCE
            else iter([best_answer(kept.record)])
        )
        for record in made:
            yield kept.line(record)


async def _land(
    bench: Bench, target: Any, kind: str, step_type: str, details: dict[str, Any], count: int
) -> None:
    if not count:
        raise InvalidRequest("Nothing is left: no record came of it.", code="empty_version")
    async with bench.landing() as landing:
        now = bench.clock.now()
        version = await open_version(
            landing.connection, bench.task, None, kind=kind, now=now, empty=False
        )
        step = Step(step_type, now, {**details, "records": count}, bench.task.id)
        made = await put_rows(landing.connection, version, Rows(target), [step])
        landing.version_id = made.id
        landing.result = {"version_id": made.id, "records": count, **details}


async def _source(bench: Bench, version_id: str, dataset_id: str) -> Version:
    async with bench.database.begin() as connection:
        return await version_in(connection, bench.task.project_id, version_id, dataset_id)


async def _table(bench: Bench, asked: Mix, sources: list[Version]) -> list[dict[str, Any]]:
    """Return the mix as a table: set, characters, samples, rate, share in percent."""
    named: list[str] = []
    async with bench.database.begin() as connection:
        for source in sources:
            found = await sets.find(connection, bench.task.project_id, source.dataset_id)
            named.append(found.name if found is not None else "")
    parts = [
        Part(name, source.characters, source.records, given.sampling_rate)
        for name, source, given in zip(named, sources, asked.sources, strict=True)
    ]
    return [
        {
            "version_id": source.id,
            "name": part.name,
            "characters": part.characters,
            "records": part.records,
            "sampling_rate": part.rate,
            "share_percent": share,
        }
        for source, part, share in zip(sources, parts, shares(parts), strict=True)
    ]
