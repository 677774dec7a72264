"""Hands checkpoints in to the registry while training goes on, in order, until it takes them.

Knows what a checkpoint is called and when it may be published. Does not know gRPC or SQL.
"""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

from argosy.api import ids
from argosy.api.records import COMPRESSION, FULL, LORA, PROMPT_TUNING, REWARD
from argosy.api.registry.v1 import registry_pb2
from argosy.kit.errors import ApiError, RateLimited, Unavailable
from argosy.kit.failpoints import failpoint
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.plan import MAX_CHECKPOINTS, Plan
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.patience import insist
from argosy.trainer.registry import Registry
from argosy.trainer.runs.outcomes import JobFailure
from argosy.trainer.runs.recorder import Recorder
from argosy.trainer.runs.workdir import WorkDir

# On disk stay the newest checkpoint and the one before it, should the newest turn out torn.
_KEEP: Final = 2

_ARTIFACTS: Final = {
    LORA: registry_pb2.ARTIFACT_LORA,
    PROMPT_TUNING: registry_pb2.ARTIFACT_PROMPT_TUNING,
    FULL: registry_pb2.ARTIFACT_FULL,
}


def adapter_model(
    job: Job, model_id: str, kind: registry_pb2.ModelKind.ValueType, step: int
) -> registry_pb2.Model:
    """Describe an adapter of `job` for the registry."""
    if job.plan is None:
        raise ValueError("a job that was not planned has no adapters")
    return registry_pb2.Model(
        id=model_id,
        kind=kind,
        project_id=job.project_id,
        owned_by=job.organization_slug,
        base=job.base,
        parent="" if job.model == job.base else job.model,
        artifact=_artifact(job.plan),
        lora_rank=job.plan.whole("lora_rank"),
        job_id=job.id,
        step=step,
    )


def _artifact(plan: Plan) -> registry_pb2.Artifact.ValueType:
    if plan.method == REWARD:
        return registry_pb2.ARTIFACT_REWARD
    if plan.method == COMPRESSION:
        return registry_pb2.ARTIFACT_COMPRESSED
    return _ARTIFACTS[plan.scale]


class Publisher:
    """The checkpoints of one run on their way to the registry."""

    def __init__(
        self,
        registry: Registry,
        recorder: Recorder,
        workdir: WorkDir,
        job: Job,
        metrics: TrainerMetrics,
    ) -> None:
        self._registry = registry
        self._recorder = recorder
        self._workdir = workdir
        self._job = job
        self._metrics = metrics
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._published: set[int] = set()
        self._offered: set[int] = set()

    async def begin(self) -> None:
        """Learn what earlier lives of this run have published."""
        self._published = await self._recorder.published_steps()

    def offer(self, step: int) -> None:
        """There is a whole checkpoint of `step` on disk."""
        # A compression has one, which is its result: there is nothing to choose from.
        if self._job.asked.method == COMPRESSION:
            return
        if step not in self._published | self._offered:
            self._offered.add(step)
            self._queue.put_nowait(step)

    async def flush(self) -> None:
        """Wait until the registry has all that was offered."""
        await self._queue.join()

    async def run(self) -> NoReturn:
        """Publish what is offered until cancelled. Raises `JobFailure` and `LeaseLost`."""
        while True:
            step = await self._queue.get()

            async def attempt(step: int = step) -> None:
                await self._publish(step)

            try:
                await insist(attempt, "publishing a checkpoint")
            except ApiError as refusal:
                raise JobFailure(
                    "checkpoint_refused",
                    f"The registry refused the checkpoint of step {step}: {refusal.message}",
                ) from refusal
            self._published.add(step)
            best = await self._recorder.best_step()
            await self._thin_out(best)
            await asyncio.to_thread(self._workdir.prune, self._published, _KEEP, best)
            self._queue.task_done()

    async def _thin_out(self, best: int | None) -> None:
        """Leave the newest checkpoints that the user wants to choose from, the best among them."""
        keep = MAX_CHECKPOINTS
        if self._job.plan is not None:
            keep = self._job.plan.whole("keep_checkpoints", keep)
        known = sorted(await self._recorder.published_steps())
        newest = known[-keep:]
        if best is not None and best not in newest:
            newest = [best, *newest[1:]]
        for step in set(known) - set(newest):
            model_id = ids.checkpoint_model_id(self._job.tuned_model, step)

            async def remove(model_id: str = model_id) -> None:
                await self._registry.delete_model(self._job.project_id, model_id)

            await insist(remove, "removing a checkpoint")
            await self._recorder.forget_checkpoint(step)

    async def _publish(self, step: int) -> None:
        if not await asyncio.to_thread(self._workdir.intact, step):
            return
        model_id = ids.checkpoint_model_id(self._job.tuned_model, step)
        model = adapter_model(self._job, model_id, registry_pb2.MODEL_KIND_CHECKPOINT, step)
        try:
            async with (
                self._registry.uploading(model, self._workdir.checkpoint(step)) as commit,
                self._recorder.publishing() as note,
            ):
                await commit()
                failpoint("trainer.checkpoint.published")
                await note(step, model_id)
        except (Unavailable, RateLimited):
            self._metrics.publish_retries.inc()
            raise
