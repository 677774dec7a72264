"""`/v1/argosy/explain`: how a name is routed at this moment, for the keys of administrators."""

from __future__ import annotations

from typing import Any

from argosy.gateway.access.caller import Caller
from argosy.gateway.http.explanation import Explainer, Json, explanation
from argosy.gateway.http.ports import Given, Models
from litestar import Controller, Request, get


class ExplainController(Controller):
    """A model id may hold `:` and `/`, so it is a parameter of the query."""

    path = "/v1/argosy/explain"

    @get()
    async def explain(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        models: Given[Models],
        explainer: Given[Explainer],
    ) -> Json:
        return await explanation(models, explainer, caller, request.query_params.get("model", ""))
