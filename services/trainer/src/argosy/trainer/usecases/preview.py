"""What a job would do, before there is one: the plan, hints, suggestions, what it takes.

Knows the planner and the rules. Makes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from argosy.api.records import COMPRESSION
from argosy.trainer.domain import advice, suggestion
from argosy.trainer.domain.advice import Advice
from argosy.trainer.domain.cost import Cost, needs
from argosy.trainer.domain.suggestion import Suggestion
from argosy.trainer.pricing import Pricing
from argosy.trainer.usecases.create import JobRequest, check
from argosy.trainer.usecases.planning import Planned, Planner


@dataclass(frozen=True, slots=True)
class Preview:
    planned: Planned
    advice: list[Advice]
    suggestions: list[Suggestion]
    cost: Cost


class PreviewJob:
    """The use case behind `fine_tuning.jobs.preview`."""

    def __init__(self, planner: Planner, pricing: Pricing) -> None:
        self._planner = planner
        self._pricing = pricing

    async def __call__(self, request: JobRequest) -> Preview:
        """Raises `InvalidRequest`, as creating the job would."""
        check(request)
        planned = await self._planner.plan(request.wish, measured=True)
        plan, facts, limits = planned.plan, planned.facts, planned.limits
        cost = needs(plan, facts.lengths, limits)
        return Preview(
            planned,
            advice.advise(plan, facts, limits, planned.data.skipped),
            [] if plan.method == COMPRESSION else suggestion.suggest(facts.records),
            await self._pricing.priced(planned.start.base.id, cost, planned.asked.schedule),
        )
