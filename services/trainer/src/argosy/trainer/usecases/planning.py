"""Planning a job: what it starts from, what it learns from, and its parameters, all judged.

Knows whom to ask in which order. Does not store anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from argosy.api.records import COMPRESSION
from argosy.kit.errors import InvalidRequest
from argosy.trainer import weights
from argosy.trainer.domain import compression, helpers, mixing, programs
from argosy.trainer.domain.asked import OLD_DATA, Asked, Source
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.memory import Device
from argosy.trainer.domain.methods import method_of, scale_of
from argosy.trainer.domain.parameters import table
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.plan import Facts, Limits, Plan, make_plan
from argosy.trainer.domain.programs import Program
from argosy.trainer.registry import Registry
from argosy.trainer.sources import Sources
from argosy.trainer.usecases import starting_point
from argosy.trainer.usecases.data_plan import DataPlan, plan_data
from argosy.trainer.usecases.graders import check_grader
from argosy.trainer.usecases.starting_point import StartingPoint

# Returns the job that made a model, if it is this trainer's.
JobOf = Callable[[str, str], Awaitable[Job | None]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job is to be, by the user's words; `validation_file` may be empty."""

    project_id: str
    model: str
    training_file: str
    validation_file: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Planned:
    """`asked` has the canonical names, and the data that was added by itself."""

    asked: Asked
    start: StartingPoint
    data: DataPlan
    facts: Facts
    limits: Limits
    plan: Plan


class Planner:
    """Judges what a job needs from the registry, and plans it."""

    def __init__(
        self,
        registry: Registry,
        sources: Sources,
        job_of: JobOf,
        max_lora_rank: int,
        device: Device,
        code_version: str,
        *,
        compresses: bool,
        offered: Mapping[str, Program],
    ) -> None:
        self._registry = registry
        self._sources = sources
        self._job_of = job_of
        self._max_lora_rank = max_lora_rank
        self._device = device
        self._code_version = code_version
        self._compresses = compresses
        self._offered = offered

    async def plan(self, wish: Wish, *, measured: bool) -> Planned:
        """Return the plan; raises `InvalidRequest` that names the field at fault.

        `measured` has the records counted in tokens, which may take minutes.
        """
        try:
            return await self._plan(wish, measured)
        except BadParameter as bad:
            raise InvalidRequest(bad.message, param=bad.param, code="invalid_value") from bad

    async def _plan(self, wish: Wish, measured: bool) -> Planned:
        method = method_of(wish.asked.method)
        mixing.check(wish.asked.data)
        helpers.check(method.name, wish.asked)
        programs.check(method.name, wish.asked.program, self._offered)
        start = await starting_point.starting_point(self._registry, wish.project_id, wish.model)
        if method.name == COMPRESSION:
            self._check_compression(wish.asked)
            scale = scale_of(wish.asked.scale, method)
        else:
            scale = scale_of(wish.asked.scale or start.scale, method)
        starting_point.check_ability(start, method.name, scale)
        asked = replace(wish.asked, method=method.name, scale=scale)
        await self._check_helpers(wish.project_id, asked)
        asked = await self._with_old_data(wish.project_id, start, asked)
        data = await plan_data(
            self._sources,
            wish.project_id,
            wish.training_file,
            wish.validation_file,
            method,
            asked,
        )
        limits = await self._limits(start)
        given = table.judge(_parameters(asked, start), method.name, scale, limits.bounds)
        asked = replace(asked, parameters=given)
        lengths = await self._lengths(wish, start, data) if measured else None
        facts = _facts(asked, data, lengths)
        plan = replace(
            make_plan(given, method.name, scale, facts, limits),
            hashes=dict(data.hashes),
            code_version=self._code_version,
        )
        return Planned(asked, start, data, facts, limits, plan)

    def _check_compression(self, asked: Asked) -> None:
        if not self._compresses:
            raise BadParameter(
                "argosy.method",
                "This server has no environment for compression (ARGOSY_COMPRESS_PYTHON). Its "
                "operator installs one with `make setup-compress` and starts the trainer again.",
            )
        compression.check_asked(asked.parameters)

    async def _limits(self, start: StartingPoint) -> Limits:
        shape = await asyncio.to_thread(weights.architecture, Path(start.base.weights_path))
        return Limits(start.base.context_length, self._max_lora_rank, shape, self._device)

    async def _lengths(self, wish: Wish, start: StartingPoint, data: DataPlan) -> Lengths | None:
        """Return the lengths of all that is trained on; None if they cannot be counted."""
        counted: list[tuple[int, int]] = []
        for source_id, rate in [(wish.training_file, 1.0)] + [
            (source.source, source.rate or 1.0) for source in data.sources
        ]:
            pairs = await self._sources.lengths(wish.project_id, source_id, start.base.id)
            if pairs is None:
                return None
            counted += [(tokens, mixing.drawn(records, rate)) for tokens, records in pairs]
        return Lengths.of(counted)

    async def _check_helpers(self, project_id: str, asked: Asked) -> None:
        if asked.grader is not None:
            check_grader(asked.grader, "method.reinforcement.grader")
        if asked.teacher is not None and asked.teacher.get("grader") is not None:
            check_grader(asked.teacher["grader"], "argosy.teacher.grader")
        if asked.reward_model:
            await starting_point.reward_model(self._registry, project_id, asked.reward_model)
        if asked.teacher is not None:
            await starting_point.teacher(self._registry, project_id, str(asked.teacher["model"]))

    async def _with_old_data(self, project_id: str, start: StartingPoint, asked: Asked) -> Asked:
        """Add what the parent learnt from, at a low rate, unless the user chose all data."""
        if asked.only_this_data or start.parent is None or asked.method == COMPRESSION:
            return replace(asked, only_this_data=True)
        job = await self._job_of(project_id, start.parent.job_id)
        if job is None:
            return replace(asked, only_this_data=True)
        known = {source.source for source in asked.data}
        former = [Source(job.training_file)]
        former += job.plan.sources if job.plan else job.asked.data
        old = [
            Source(
                source.source,
                rate=max(mixing.MIN_RATE, mixing.OLD_DATA_RATE * min(source.rate or 1.0, 1.0)),
                why=OLD_DATA,
            )
            for source in former
            if source.source not in known
        ]
        room = mixing.MAX_SOURCES - len(asked.data)
        return replace(asked, data=(*asked.data, *old[:room]), only_this_data=True)


def _facts(asked: Asked, data: DataPlan, lengths: Lengths | None) -> Facts:
    split = asked.parameters.get("validation_split") or 0
    share = split / 100 if isinstance(split, int | float) and 0 < split < 100 else 0.0
    kept = data.records - round(data.training.records * share)
    return Facts(
        records=kept,
        validated=data.validation is not None or share > 0,
        lengths=lengths,
        sources=data.sources,
    )


def _parameters(asked: Asked, start: StartingPoint) -> dict[str, object]:
    """A LoRA that is trained on keeps its rank."""
    parameters = dict(asked.parameters)
    if start.parent is None or not start.parent.lora_rank or asked.scale != "lora":
        return parameters
    rank = start.parent.lora_rank
    given = parameters.setdefault("lora_rank", parameters.pop("loraRank", rank))
    if given != rank:
        raise BadParameter(
            "argosy.lora_rank",
            f"'argosy.lora_rank' is {given}, but '{start.parent.id}', which is trained on, has "
            f"the rank {rank}. Leave it out, or start from the base model.",
        )
    return parameters
