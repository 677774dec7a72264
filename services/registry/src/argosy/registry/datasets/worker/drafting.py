"""Drafts: a served model answers what has no answer yet, for people to accept, edit or rank.

Drafts are written a few at a time into the version itself: a task that starts again goes on with
the records that still have none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from argosy.api import records as kinds
from argosy.kit.errors import InvalidRequest
from argosy.registry.datasets import parameters
from argosy.registry.datasets.parameters import Draft
from argosy.registry.datasets.sets import Record, RecordStatus, Step, Version, characters
from argosy.registry.datasets.store import records, versions
from argosy.registry.datasets.store import tasks as tasks_store
from argosy.registry.datasets.usecases.shelf import version_in
from argosy.registry.datasets.worker.asking import Model, model
from argosy.registry.datasets.worker.bench import Bench, LeaseLost
from argosy.registry.datasets.worker.spools import dump

_AT_ONCE: Final = 8


async def work(bench: Bench) -> None:
    """Do a drafts task."""
    asked = parameters.read(Draft, bench.task.parameters)
    async with bench.database.begin() as connection:
        version = await _version(bench, connection, asked)
    bench.progress.total = version.unannotated
    after, drafted = -1, 0
    async with model(bench, asked.model, asked.sampling()) as served:
        while some := await _next(bench, version, after):
            after = some[-1].position
            made = await asyncio.gather(
                *(_draft(served, version.kind, asked, record) for record in some)
            )
            drafted += await _keep(bench, asked, [m for m in made if m is not None])
            bench.progress.step(len(some))
    async with bench.landing() as landing:
        current = await _version(bench, landing.connection, asked)
        details = {"model": asked.model, "answers": asked.answers, "drafted": drafted}
        step = Step("draft", bench.clock.now(), details, bench.task.id)
        await versions.add_steps(landing.connection, version.id, [step])
        landing.version_id = version.id
        landing.result = {
            "version_id": version.id,
            "drafted": drafted,
            "unannotated": current.unannotated,
            "drafts": current.drafts,
        }


async def _version(bench: Bench, connection: Any, asked: Draft) -> Version:
    found = await version_in(
        connection, bench.task.project_id, asked.version_id, bench.task.dataset_id, change=True
    )
    if found.kind in {kinds.PROMPTS, kinds.TEXT}:
        raise InvalidRequest(
            f"Records of kind {found.kind} need no answers.", param="version_id", code="wrong_kind"
        )
    return found


async def _next(bench: Bench, version: Version, after: int) -> list[Record]:
    async with bench.database.begin() as connection:
        return await records.unannotated(connection, version.seq, after, _AT_ONCE)


async def _draft(served: Model, kind: str, asked: Draft, record: Record) -> Record | None:
    """Return the record with its draft; None if the model has nothing to say."""
    body: dict[str, Any] = json.loads(record.body)
    given = body["input"] if kind == kinds.PREFERENCE else body
    messages = list(given["messages"])
    if asked.instructions:
        messages.insert(0, {"role": "system", "content": asked.instructions})
    count = max(asked.answers, 2) if kind == kinds.RANKED else asked.answers
    answers = list(dict.fromkeys(a for a in await served.answers(messages, count) if a.strip()))
    answered = _answered(body, kind, answers)
    if answered is None:
        return None
    notes = json.loads(record.notes or "{}") | {
        "draft": {"model": asked.model, "candidates": answers}
    }
    return Record(
        record.position,
        RecordStatus.DRAFT,
        dump(answered),
        characters(answered),
        dump(notes),
    )


def _answered(body: dict[str, Any], kind: str, answers: Sequence[str]) -> dict[str, Any] | None:
    """Return the record with the answers in their place; None if they do not make a draft."""
    said = [{"role": "assistant", "content": answer} for answer in answers]
    if kind == kinds.RANKED:
        ranked = list(dict.fromkeys([*body.get("responses", []), *answers]))
        return {**body, "responses": ranked} if len(ranked) > 1 else None
    if not answers:
        return None
    if kind == kinds.UNPAIRED:
        return {"label": True, **body, "completion": answers[0]}
    if kind == kinds.PREFERENCE:
        # Two answers make a pair whose order a person decides; one is the better side of a bad one.
        if "non_preferred_output" in body:
            return {**body, "preferred_output": [said[0]]}
        if len(said) < 2:
            return None
        return {**body, "preferred_output": [said[0]], "non_preferred_output": [said[1]]}
    return {**body, "messages": [*body["messages"], said[0]]}


async def _keep(bench: Bench, asked: Draft, made: Sequence[Record]) -> int:
    """Write drafts to records that still have no answer; returns how many."""
    if not made:
        return 0
    async with bench.database.begin() as connection:
        if await tasks_store.lock(connection, bench.lease) is None:
            raise LeaseLost
        version = await _version(bench, connection, asked)
        kept = 0
        for record in made:
            kept += await records.put_draft(connection, version.seq, record)
        await versions.recount(connection, version)
    return kept
