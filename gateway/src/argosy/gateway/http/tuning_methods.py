"""`/v1/fine_tuning/methods`: what there is to choose from, and which of it fits.

Both are the trainer's tables; here is how they are asked for.
"""

from __future__ import annotations

from typing import Any, Final

from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.errors import echo
from argosy.gateway.http.paging import Json, Page, flag_of, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.http.tuning_help import advice_json, method_json
from argosy.gateway.upstream.tuning import TuningClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, get

# Of what somebody says about what is wanted: the parameters of the query.
_LISTS: Final = frozenset({"goals", "goals[]"})
_SINGLE: Final = ("has", "records", "facts_change_often", "keep_general_ability")
_MOST_RECORDS: Final = 10**15


class TuningMethodsController(Controller):
    path = "/v1/fine_tuning/methods"

    @get()
    async def list_methods(self, caller: Given[Caller], tuning: Given[TuningClient]) -> Page:
        """Every method with its scales and parameters: what a form is drawn from."""
        answer = await tuning.methods()
        return page_of([method_json(each) for each in answer.methods], has_more=False)

    @get("/advice")
    async def advise(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning: Given[TuningClient],
    ) -> Json:
        """Which method fits what the query says; without a query, what may be said."""
        return advice_json(await tuning.advise(_needs(request.query_params.multi_items())))


def _needs(sent: Any) -> pb.AdviseMethodRequest:
    """Read the query; raises InvalidRequest naming the parameter."""
    asked = pb.AdviseMethodRequest()
    seen: dict[str, str] = {}
    for name, value in sent:
        if name in _LISTS:
            asked.goals.extend(goal for goal in value.split(",") if goal)
        elif name not in _SINGLE:
            raise InvalidRequest(
                f"Unknown parameter '{echo(name)}'. Say goals, {', '.join(_SINGLE)}.",
                param=echo(name),
                code="unknown_parameter",
            )
        elif name in seen:
            raise InvalidRequest(f"The parameter '{name}' is sent twice. Send it once.", param=name)
        else:
            seen[name] = value
    asked.has = seen.get("has", "")
    asked.records = _count(seen.get("records", "0"))
    asked.facts_change_often = flag_of(
        "facts_change_often", seen.get("facts_change_often", "false")
    )
    kept = flag_of("keep_general_ability", seen.get("keep_general_ability", "true"))
    asked.general_ability_may_go = not kept
    return asked


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:16]) > _MOST_RECORDS:
        raise InvalidRequest(
            "Invalid value for 'records': send how many there are, such as 800.",
            param="records",
            code="invalid_value",
        )
    return int(text[:16])
