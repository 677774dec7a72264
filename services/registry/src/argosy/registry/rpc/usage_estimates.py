"""Between the words of estimates and the messages of usage_reports.proto."""

from __future__ import annotations

import math
from typing import Final

from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.cost_estimates import Bill, Work
from argosy.registry.usecases.cost_estimates import Spend

# So that sums of money stay within 64 bits.
_MOST_TOKENS: Final = 10**13
_MOST_SECONDS: Final = 10**9
_TOKENS: Final = ("training_tokens", "input_tokens", "cached_input_tokens", "output_tokens")
_REFUSED: Final = (
    "{whose} has reached its spend limit of this calendar month (UTC): {spent:.2f} of "
    "{most:.2f} {currency} are spent. Ask an owner to raise it, or wait for the next month."
)


def work_of(request: pb.EstimateCostRequest) -> Work:
    """Return the work that a request describes; raises InvalidRequest."""
    counts = {name.removesuffix("_tokens"): getattr(request, name) for name in _TOKENS}
    for name, count in counts.items():
        if not 0 <= count <= _MOST_TOKENS:
            raise InvalidRequest(
                f"{name}_tokens must be between 0 and {_MOST_TOKENS}.", param=f"{name}_tokens"
            )
    if not (math.isfinite(request.seconds) and 0 <= request.seconds <= _MOST_SECONDS):
        raise InvalidRequest(f"seconds must be between 0 and {_MOST_SECONDS}.", param="seconds")
    return Work(request.model, request.operation, **counts, seconds=request.seconds or None)


def answer_of(bill: Bill, currency: str) -> pb.EstimateCostResponse:
    """Return a bill's message."""
    return pb.EstimateCostResponse(
        micros=bill.micros,
        currency=currency,
        priced=bill.priced,
        seconds=bill.seconds,
        lines=[
            pb.CostLine(
                line_item=line.item,
                micros=line.micros,
                quantity=line.quantity,
                unit=line.unit,
                unit_micros=line.unit_micros,
            )
            for line in bill.lines
        ],
    )


def spend_of(spend: Spend, currency: str) -> pb.GetSpendResponse:
    """Return the message of what was spent, with what to tell whoever may not go on."""
    project = spend.project_limit.threshold if spend.project_limit else 0
    organization = spend.organization_limit.threshold if spend.organization_limit else 0
    message = ""
    if spend.exhausted:
        mine = spend.project_reached
        message = _REFUSED.format(
            whose="Your project" if mine else "The organization",
            spent=(spend.project if mine else spend.organization) / 1_000_000,
            most=(project if mine else organization) / 100,
            currency=currency,
        )
    return pb.GetSpendResponse(
        project_micros=spend.project,
        organization_micros=spend.organization,
        project_threshold=project,
        organization_threshold=organization,
        exhausted=spend.exhausted,
        message=message,
        currency=currency,
    )
