"""Whether what a job's model is asked has moved away from what it was trained on, and what follows.

Looked at when somebody asks, and at intervals for all models that answer. Knows the order of
things. Does not know how requests are compared.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from argosy.kit.errors import ApiError, Conflict
from argosy.trainer.completions import StoredCompletions
from argosy.trainer.domain.drift.requests import Request
from argosy.trainer.domain.drift.verdict import MOST, Drift, DriftVerdict, drift
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.states import State
from argosy.trainer.domain.texts import Note
from argosy.trainer.evaluations.drawing import drawn
from argosy.trainer.sources import Sources
from argosy.trainer.store import history, jobs
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.control import no_such_job

_log = logging.getLogger(__name__)

# Of the old records in the job that follows, as for every training that goes on.
_OLD_RATE: Final = 0.1
OBSERVED: Final = "drift"

Json = dict[str, Any]


class CheckDrift:
    """The use case behind `…/drift`."""

    def __init__(
        self,
        transactions: Transactions,
        sources: Sources,
        completions: StoredCompletions,
        folder: Path,
    ) -> None:
        self._transactions = transactions
        self._sources = sources
        self._completions = completions
        self._folder = folder

    async def __call__(self, project_id: str, job_id: str) -> Json:
        """Return what recent requests say, and the job that is suggested.

        Raises `NotFound`, `Conflict`, `Unavailable`.
        """
        async with self._transactions.begin() as connection:
            job = await jobs.get(connection, project_id, job_id)
        if job is None:
            raise no_such_job(job_id)
        if job.state is not State.SUCCEEDED:
            raise Conflict(
                f"The job '{job_id}' has no model that could be asked: it is {job.state.public}.",
                code="job_not_succeeded",
            )
        return await self._check(job)

    async def watch(self, period: float) -> None:
        """Look at all models every `period` seconds until cancelled."""
        while True:
            await asyncio.sleep(period)
            try:
                await self.look_around()
            except ApiError as error:
                _log.warning("looking for drift waits: %s", error.message)

    async def look_around(self) -> None:
        """Suggest to train on where that is called for. Raises `Unavailable`."""
        async with self._transactions.begin() as connection:
            done = await jobs.in_states(connection, (State.SUCCEEDED,))
        for job in done:
            try:
                await self._check(job)
            except ApiError as error:
                # Its data may be gone: the others are looked at all the same.
                _log.warning("drift of %s is not known: %s", job.id, error.message)
            except Exception:  # noqa: BLE001 - one job's surprise must not end the watch on others
                _log.exception("drift failed unexpectedly", extra={"job_id": job.id})

    async def _check(self, job: Job) -> Json:
        recent = await self._completions.recent(job.project_id, job.tuned_model, MOST)
        trained = await self._trained(job) if recent else []
        found = await asyncio.to_thread(drift, trained, recent)
        shown = _shown(job, found, len(trained), len(recent))
        if found.verdict is not DriftVerdict.TOO_FEW:
            async with self._transactions.begin() as connection:
                await history.observe(connection, job.id, OBSERVED, OBSERVED, shown)
                if found.retrain:
                    await history.add_notes(connection, job.id, _suggests(found))
        return shown

    async def _trained(self, job: Job) -> list[Request]:
        with tempfile.TemporaryDirectory(prefix="drift-", dir=self._folder) as folder:
            path = Path(folder) / "records.jsonl"
            await self._sources.download(job.project_id, job.training_file, path)
            cases = await asyncio.to_thread(drawn, path, MOST, job.seed)
        return [Request.of(str(case.line), case.messages, case.reference or "") for case in cases]


def _suggests(found: Drift) -> Note:
    """Tell of each verdict once a job."""
    first = found.findings[0]
    return Note(
        f"drift:{found.verdict}",
        f"Incremental training is suggested: {first.summary} {first.advice}",
        level="warn",
    )


def _shown(job: Job, found: Drift, records: int, requests: int) -> Json:
    return {
        "object": "fine_tuning.job.drift",
        "job": job.id,
        "model": job.tuned_model,
        "verdict": found.verdict.value,
        "requests": requests,
        "records": records,
        "features": found.features,
        "findings": [
            {
                "verdict": each.verdict.value,
                "summary": each.summary,
                "advice": each.advice,
                "evidence": {"numbers": each.numbers, "completions": list(each.requests)},
            }
            for each in found.findings
        ],
        "suggestion": _suggestion(job, found) if found.retrain else None,
    }


def _suggestion(job: Job, found: Drift) -> Json:
    """Return the two requests that follow: the data, then the job on top of this model."""
    wanted: Json = {"type": "reflow", "dataset_id": None, "model": job.tuned_model}
    if found.verdict is DriftVerdict.BAD_CASES:
        wanted["rating"] = "down"
    method: Mapping[str, Any] = {"method": job.asked.method, "scale": job.asked.scale}
    return {
        "why": [each.verdict.value for each in found.findings],
        # `dataset_id` of a new data set of dialogues; then its published version is trained on.
        "reflow": wanted,
        "job": {
            "model": job.tuned_model,
            "training_file": None,
            "argosy": {
                **method,
                "data": [{"source": job.training_file, "rate": _OLD_RATE}],
            },
        },
    }
