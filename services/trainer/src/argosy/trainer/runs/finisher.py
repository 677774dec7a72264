"""The end of a run that trained to its last step: result file, model, success, in this order.

Each step may be done again after a crash: the ids are fixed from the job's creation.
"""

from __future__ import annotations

from argosy.api.records import COMPRESSION
from argosy.api.registry.v1 import registry_pb2
from argosy.kit.errors import ApiError
from argosy.kit.failpoints import failpoint
from argosy.trainer.domain import results
from argosy.trainer.domain.job import Job
from argosy.trainer.patience import insist
from argosy.trainer.pricing import Pricing
from argosy.trainer.registry import Registry
from argosy.trainer.runs.outcomes import JobFailure
from argosy.trainer.runs.publisher import adapter_model
from argosy.trainer.runs.recorder import Recorder
from argosy.trainer.runs.workdir import WorkDir


class Finisher:
    """Publishes what a run made."""

    def __init__(
        self,
        registry: Registry,
        recorder: Recorder,
        workdir: WorkDir,
        job: Job,
        pricing: Pricing,
    ) -> None:
        self._registry = registry
        self._recorder = recorder
        self._workdir = workdir
        self._job = job
        self._pricing = pricing

    async def finish(self, final_step: int) -> None:
        """Make the job succeed. Raises `JobFailure` if the registry refuses what was made."""
        await self._recorder.finalizing(final_step)
        failpoint("trainer.finish.finalizing")
        try:
            await self._hand_in_results(final_step)
            # After the results: a model that exists belongs to a job that can only succeed.
            await self._publish(final_step)
        except ApiError as refusal:
            raise JobFailure(
                "model_refused", f"The registry refused the result: {refusal.message}"
            ) from refusal
        failpoint("trainer.finish.published")
        spent = await self._recorder.spent(final_step)
        actual = await self._pricing.tried(self._job.base, spent, self._job.asked.schedule)
        await self._recorder.succeeded(final_step, actual)
        failpoint("trainer.finish.succeeded")

    async def _hand_in_results(self, final_step: int) -> None:
        content = results.to_csv(await self._recorder.metrics_until(final_step))

        async def attempt() -> None:
            await self._registry.upload_result(
                self._job.project_id, self._job.result_file, results.FILE_NAME, content
            )

        await insist(attempt, "handing in results")

    async def _publish(self, final_step: int) -> None:
        model = adapter_model(
            self._job, self._job.tuned_model, registry_pb2.MODEL_KIND_TUNED, final_step
        )
        if self._job.asked.method == COMPRESSION:
            rows = await self._recorder.metrics_until(final_step)
            model.measured.update((rows[-1].values if rows else None) or {})
        folder = self._workdir.checkpoint(final_step)

        async def attempt() -> None:
            async with self._registry.uploading(model, folder) as commit:
                await commit()

        await insist(attempt, "publishing a model")
