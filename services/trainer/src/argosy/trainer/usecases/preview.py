"""What a job would do, before there is one: the plan, hints, suggestions, what it takes.

Knows the planner and the rules. Makes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from argosy.api.registry.v1.usage_reports_pb2 import EstimateCostResponse
from argosy.trainer.domain import advice, memory, suggestion
from argosy.trainer.domain.advice import Advice
from argosy.trainer.domain.asked import IDLE
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.plan import Plan
from argosy.trainer.domain.suggestion import Suggestion
from argosy.trainer.usecases.create import JobRequest, check
from argosy.trainer.usecases.planning import Planned, Planner

# What training a model on so many tokens costs.
Price = Callable[[str, int], Awaitable[EstimateCostResponse]]


@dataclass(frozen=True, slots=True)
class Cost:
    """`micros` are millionths of the currency unit; None where no price is known."""

    tokens: int | None
    seconds: float | None
    memory_bytes: int | None
    micro_batch: int
    micros: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    planned: Planned
    advice: list[Advice]
    suggestions: list[Suggestion]
    cost: Cost


class PreviewJob:
    """The use case behind `fine_tuning.jobs.preview`."""

    def __init__(self, planner: Planner, price: Price) -> None:
        self._planner = planner
        self._price = price

    async def __call__(self, request: JobRequest) -> Preview:
        """Raises `InvalidRequest`, as creating the job would."""
        check(request)
        planned = await self._planner.plan(request.wish, measured=True)
        plan, facts, limits = planned.plan, planned.facts, planned.limits
        return Preview(
            planned,
            advice.advise(plan, facts, limits, planned.data.skipped),
            suggestion.suggest(facts.records),
            await self._cost(planned),
        )

    async def _cost(self, planned: Planned) -> Cost:
        cost = _needs(planned)
        if cost.tokens is None:
            return cost
        if planned.asked.schedule == IDLE:
            return replace(cost, micros=0)
        bill = await self._price(planned.start.base.id, cost.tokens)
        if not bill.priced:
            return replace(cost, seconds=bill.seconds or None)
        return replace(
            cost, micros=bill.micros, currency=bill.currency, seconds=bill.seconds or None
        )


def _needs(planned: Planned) -> Cost:
    plan, limits = planned.plan, planned.limits
    batch = plan.whole("batch_size")
    need, micro = None, batch
    if limits.architecture is not None and limits.device is not None:
        need = memory.estimate(
            plan.values, plan.scale, limits.architecture, accelerated=limits.device.accelerated
        )
        micro = memory.micro_batch(batch, need, limits.device.memory_bytes)
    return Cost(
        tokens=training_tokens(plan, planned.facts.lengths),
        seconds=None,
        memory_bytes=None if need is None else need.fixed + micro * need.record,
        micro_batch=micro,
    )


def training_tokens(plan: Plan, lengths: Lengths | None) -> int | None:
    """Return the tokens that all steps will take: those of the records that are kept, each as
    often as it is seen. None if the records were not measured."""
    if lengths is None or not lengths.records:
        return None
    length = plan.whole("max_seq_length")
    kept = lengths.records - lengths.longer_than(length)
    if not kept:
        return 0
    mean = lengths.tokens_up_to(length) / kept
    seen = min(plan.max_steps * plan.whole("batch_size"), plan.whole("n_epochs") * plan.records)
    return round(mean * seen)
