"""Reports of jobs, and the job that follows from one.

Knows the order of things. Does not know SQL or how a report looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from argosy.kit.errors import Conflict
from argosy.trainer.domain import texts
from argosy.trainer.domain.asked import Asked
from argosy.trainer.domain.job import Job
from argosy.trainer.reports.compile import compile_report
from argosy.trainer.reports.report import Report
from argosy.trainer.store import evaluations, history
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.create import CreateJob, JobRequest
from argosy.trainer.usecases.read import MAX_LIMIT, Page, ReadJobs

# What a diagnosis says of the rate is relative to the one that was used.
_RATE_FACTOR: Final = "learning_rate_factor"

Changes = Mapping[str, float | int]


@dataclass(frozen=True, slots=True)
class Rerun:
    """Who asks for the next job, and how a repeated request is told from a new one."""

    project_id: str
    job_id: str
    key_id: str
    idempotency_key: str
    fingerprint: bytes
    retry: bool


class Reports:
    """The use cases behind `…/report` and `…/rerun`."""

    def __init__(self, transactions: Transactions, read: ReadJobs, create: CreateJob) -> None:
        self._transactions = transactions
        self._read = read
        self._create = create

    async def get(self, project_id: str, job_id: str) -> Report:
        """Return the report on what is known of a job by now. Raises `NotFound`."""
        return (await self._report(project_id, job_id))[1]

    async def rerun(self, asked: Rerun) -> tuple[Job, Changes]:
        """Create the job that the report advises; return it and what differs from the old one.

        Raises `NotFound`, `Conflict` if there is nothing to change, and what creating raises.
        """
        old, report = await self._report(asked.project_id, asked.job_id)
        changes = _resolved(old, report.diagnosis.changes)
        if not changes:
            raise Conflict(
                f"The report on '{old.id}' advises no other parameters. "
                "Create a job with the changes that you want by POST /v1/fine_tuning/jobs.",
                code="no_advice",
            )
        job = await self._create(
            JobRequest(
                project_id=old.project_id,
                organization_slug=old.organization_slug,
                key_id=asked.key_id,
                model=old.model,
                training_file=old.training_file,
                validation_file=old.validation_file,
                suffix=old.suffix,
                seed=old.seed,
                metadata=old.metadata,
                asked=_changed(old.asked, changes),
                idempotency_key=asked.idempotency_key,
                fingerprint=asked.fingerprint,
                retry=asked.retry,
            )
        )
        async with self._transactions.begin() as connection:
            await history.add_notes(connection, job.id, texts.rerun(old.id, changes))
        return job, changes

    async def _report(self, project_id: str, job_id: str) -> tuple[Job, Report]:
        series = await self._read.series(project_id, job_id, after=0)
        page = Page(after="", limit=MAX_LIMIT, ascending=True)
        kept, _ = await self._read.checkpoints(project_id, job_id, page)
        async with self._transactions.begin() as connection:
            judged = await evaluations.finished_of(connection, job_id)
        return series.job, compile_report(
            series.job, series.steps, kept, series.observations, judged
        )


def _resolved(job: Job, changes: Changes) -> dict[str, float | int]:
    """Turn what is relative to the old job's plan into values."""
    if job.plan is None:
        return {}
    wanted = dict(changes)
    factor = wanted.pop(_RATE_FACTOR, 1.0)
    if factor != 1.0:
        wanted["learning_rate"] = float(f"{job.plan.number('learning_rate') * factor:.3g}")
    epochs = job.plan.whole("n_epochs", 1)
    # Asked-for steps would win over the epochs that are advised.
    if "max_steps" in job.asked.parameters and "n_epochs" in wanted:
        wanted["max_steps"] = max(1, round(job.plan.max_steps * wanted["n_epochs"] / epochs))
    return wanted


def _changed(asked: Asked, changes: Changes) -> Asked:
    kept = dict(asked.parameters)
    if "learning_rate" in changes:
        kept.pop("learning_rate_multiplier", None)
    return replace(asked, parameters={**kept, **changes})
