"""Brings what a run needs onto this machine: records, and the models that it starts from.

Knows the registry's ids and the run's folder. Done again after a crash it fetches what is missing.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Final

from argosy.api.records import DIALOGUE, DISTILLATION, FULL
from argosy.api.registry.v1 import registry_pb2
from argosy.kit.errors import NotFound
from argosy.trainer.domain.job import Job
from argosy.trainer.patience import insist
from argosy.trainer.registry import Registry
from argosy.trainer.runs.distilling import Teacher, distil
from argosy.trainer.runs.outcomes import JobFailure
from argosy.trainer.runs.recorder import Recorder
from argosy.trainer.runs.spec import Inputs
from argosy.trainer.runs.workdir import WorkDir
from argosy.trainer.sources import Sources
from argosy.trainer.task_keys import TaskKeys
from argosy.trainer.usecases.graders import asks_model
from argosy.trainer.usecases.starting_point import scale_of_model
from argosy.trainer.usecases.waiting import missing_file
from argosy.trainer.worker.graders.gateway import Gateway

# The longest that a teacher or a grader may take.
_TEACHING_SECONDS: Final = 7 * 24 * 3600


class Fetcher:
    """Fetches for one run."""

    def __init__(
        self,
        registry: Registry,
        sources: Sources,
        task_keys: TaskKeys,
        recorder: Recorder,
        workdir: WorkDir,
        job: Job,
    ) -> None:
        self._registry = registry
        self._sources = sources
        self._task_keys = task_keys
        self._recorder = recorder
        self._workdir = workdir
        self._job = job

    async def fetch(self) -> Inputs:
        """Return what lies ready. Raises `JobFailure` if something is gone for good."""
        job, plan = self._job, self._job.plan
        if plan is None:
            raise ValueError("a job that was not planned needs nothing")
        start = await self._model(job.model, "model")
        adapter = None
        if job.model != job.base and scale_of_model(start) != FULL:
            adapter = self._folder(start, "model")
        sources = [(await self._records(job.training_file, self._workdir.training), 1.0)]
        for number, source in enumerate(plan.sources):
            path = await self._records(source.source, self._workdir.source(number))
            sources.append((path, source.rate or 1.0))
        reward, reward_weights = await self._reward_model()
        kind = await self._kind()
        if plan.method == DISTILLATION:
            sources, kind = await self._distilled(sources), DIALOGUE
        validation = await self._validation(sources[0][0], plan.values.get("validation_split"))
        return Inputs(
            weights_path=start.weights_path,
            data_kind=kind,
            sources=tuple(sources),
            validation=validation,
            base_adapter=adapter,
            reward_model=reward,
            reward_weights=reward_weights,
            gateway=await self._gateway(),
        )

    async def _kind(self) -> str:
        async def attempt() -> str:
            info = await self._sources.info(self._job.project_id, self._job.training_file)
            return info.kind

        try:
            return await insist(attempt, "asking for a file")
        except NotFound as error:
            gone = missing_file(self._job, self._job.training_file)
            raise JobFailure(gone.code, gone.message, gone.param) from error

    async def _distilled(self, sources: list[tuple[Path, float]]) -> list[tuple[Path, float]]:
        """Have the teacher answer the prompts, and learn from its answers instead."""
        job, plan = self._job, self._job.plan
        if plan is None or job.asked.teacher is None:
            raise ValueError("a distillation has a plan and a teacher")
        target = self._workdir.distilled
        if not await asyncio.to_thread(target.exists):
            gateway = await insist(
                lambda: self._task_keys.gateway(
                    job.project_id, f"distillation of {job.id}", _TEACHING_SECONDS
                ),
                "asking for a key",
            )
            teacher = Teacher.of(job.asked.teacher, plan.values, job.seed)
            await distil(sources, target, teacher, gateway, self._recorder.taught)
        return [(target, 1.0)]

    async def _validation(self, training: Path, split: object) -> Path | None:
        if self._job.validation_file:
            return await self._records(self._job.validation_file, self._workdir.validation)
        if not isinstance(split, int | float) or not split:
            return None
        await asyncio.to_thread(
            split_off, training, self._workdir.validation, split, self._job.seed
        )
        return self._workdir.validation

    async def _gateway(self) -> Gateway | None:
        """Return a gateway to ask, if the run's grader asks a model."""
        job = self._job
        if job.asked.grader is None or not asks_model(job.asked.grader):
            return None
        return await insist(
            lambda: self._task_keys.gateway(
                job.project_id, f"grader of {job.id}", _TEACHING_SECONDS
            ),
            "asking for a key",
        )

    async def _reward_model(self) -> tuple[Path | None, Path | None]:
        name = self._job.asked.reward_model
        if not name:
            return None, None
        model = await self._model(name, "argosy.reward_model")
        folder = self._folder(model, "argosy.reward_model")
        if scale_of_model(model) == FULL:
            return folder, None
        return folder, Path(model.weights_path)

    async def _model(self, name: str, param: str) -> registry_pb2.Model:
        async def attempt() -> registry_pb2.Model:
            return await self._registry.model(self._job.project_id, name)

        try:
            return await insist(attempt, "asking for a model")
        except NotFound as error:
            raise JobFailure(
                "model_not_found", f"The model '{name}' is gone. Create a job with another.", param
            ) from error

    def _folder(self, model: registry_pb2.Model, param: str) -> Path:
        folder = Path(model.adapter_path)
        if model.adapter_path and folder.is_dir():
            return folder
        raise JobFailure(
            "model_not_found",
            f"The files of '{model.id}' cannot be read by the trainer. Create a job with another "
            "model, or give the trainer the registry's blob folder.",
            param,
        )

    async def _records(self, source_id: str, target: Path) -> Path:
        if await asyncio.to_thread(target.exists):
            return target

        async def attempt() -> None:
            await self._sources.download(self._job.project_id, source_id, target)

        try:
            await insist(attempt, "downloading records")
        except NotFound as error:
            gone = missing_file(self._job, source_id)
            raise JobFailure(gone.code, gone.message, gone.param) from error
        return target


def split_off(training: Path, validation: Path, percent: float, seed: int) -> None:
    """Move `percent` of the lines of `training` to `validation`, the same ones for the same seed.

    Done again after a crash in between, it ends with the same two files.
    """
    whole = training.with_suffix(".whole")
    if validation.exists() and not whole.exists():
        return
    if not whole.exists():
        training.rename(whole)
    lines = [line for line in whole.read_bytes().splitlines(keepends=True) if line.strip()]
    count = max(1, round(len(lines) * percent / 100))
    draw = random.Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    chosen = set(draw.sample(range(len(lines)), min(count, len(lines) - 1)))
    for target, wanted in ((training, False), (validation, True)):
        aside = target.with_suffix(".part")
        aside.write_bytes(b"".join(line for n, line in enumerate(lines) if (n in chosen) is wanted))
        aside.rename(target)
    whole.unlink()
