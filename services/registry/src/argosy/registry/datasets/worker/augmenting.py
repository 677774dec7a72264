"""Augmentation: the next version of one, with records that a model wrote after its example."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from typing import Any, Final

from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets import parameters
from argosy.registry.datasets.operators.augmentation.parameters import Parameters
from argosy.registry.datasets.operators.augmentation.run import Tally, augment
from argosy.registry.datasets.parameters import Augment
from argosy.registry.datasets.sets import RecordStatus, Step
from argosy.registry.datasets.usecases.shelf import version_in
from argosy.registry.datasets.worker.asking import model
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.datasets.worker.landing import Rows, next_version, put_rows
from argosy.registry.datasets.worker.spools import Kept, Spool, spool, written

# As many records as are shown to the model and compared with; of more, a sample.
_MOST_SOURCES: Final = 20_000


async def work(bench: Bench) -> None:
    """Do an augmentation task."""
    asked = parameters.read(Augment, bench.task.parameters)
    wanted = Parameters.checked(
        asked.model_dump(
            include={
                "num_seed_fewshot", "num_instances_to_generate", "similarity_threshold",
            }
        )
    )  # fmt: skip
    task = bench.task
    async with bench.database.begin() as connection:
        source = await version_in(connection, task.project_id, asked.version_id, task.dataset_id)
    if source.unannotated or not source.records:
        raise InvalidRequest(
            "Seeds need their answers: annotate the version first.",
            param="version_id",
            code="version_not_annotated",
        )
    records = await spool(bench, source)
    seeds = await asyncio.to_thread(_seeds, records, asked.seed)
    bench.progress.total = wanted.num_instances_to_generate
    tally, made = Tally(), list[Kept]()
    async with model(bench, asked.model, asked.sampling()) as served:

        async def ask(messages: list[dict[str, Any]]) -> str:
            return (await served.answers(messages))[0]

        found = augment([k.record for k in seeds], ask, wanted, tally, seed=asked.seed)
        async for one in found:
            notes = {
                "origin": one.origin,
                "model": asked.model,
                "seeds": [seeds[place].position for place in one.seeds],
            }
            made.append(Kept(-1, RecordStatus.DRAFT, one.record, notes))
            bench.progress.step()
    target = bench.new_path()
    rows: Iterator[str] = (kept.line() for kept in itertools.chain(records, made))
    await asyncio.to_thread(written, target, rows)
    async with bench.landing() as landing:
        version = await next_version(landing.connection, task, source.id, bench.clock.now())
        details = {
            "model": asked.model,
            "num_seed_fewshot": wanted.num_seed_fewshot,
            "num_instances_to_generate": wanted.num_instances_to_generate,
            "similarity_threshold": wanted.similarity_threshold,
            "seed": asked.seed,
            "synthetic": len(made),
        }
        step = Step("augment", bench.clock.now(), details, task.id)
        await put_rows(landing.connection, version, Rows(target), [step])
        landing.version_id = version.id
        landing.result = {
            "version_id": version.id,
            "synthetic": len(made),
            "requests": tally.requests,
            "written": tally.written,
            "too_similar": tally.too_similar,
        }


def _seeds(records: Spool, seed: int) -> list[Kept]:
    """Return the records to learn from, a sample where there are too many; the same every time."""
    if records.count <= _MOST_SOURCES:
        return list(records)
    places = random.Random(seed).sample(range(records.count), _MOST_SOURCES)  # noqa: S311
    chosen = set(places)
    return [kept for index, kept in enumerate(records) if index in chosen]
