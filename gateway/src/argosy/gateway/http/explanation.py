"""What `/v1/argosy/explain` answers: where a request would go at this moment, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from argosy.api.registry.v1.registry_pb2 import Model, Route
from argosy.gateway.access.caller import Caller
from argosy.kit.errors import InvalidRequest, NotFound, PermissionDenied

if TYPE_CHECKING:
    from argosy.gateway.http.ports import Models

Json = dict[str, Any]


class Explainer(Protocol):
    """Who decides where requests go."""

    def explain(self, model: Model) -> Json:
        """Say what decides where a request for the model goes now."""


async def explanation(models: Models, explainer: Explainer, caller: Caller, name: str) -> Json:
    """Return how a model or a route is served. Raises an ApiError."""
    if not caller.admin:
        raise PermissionDenied(
            "Only an administrator's key may see how requests are routed. Ask the operator of "
            "this server for one.",
            code="admin_key_required",
        )
    if not name:
        raise InvalidRequest(
            "Missing required parameter: 'model'. Name a model or a route in the query, as "
            "?model=NAME.",
            param="model",
            code="missing_required_parameter",
        )
    route = models.route(caller.project_id, name)
    names = [name] if route is None else _names(route)
    found = [await _explained(models, explainer, caller, one) for one in names]
    if route is None and "error" in found[0]:
        raise NotFound(found[0]["error"], param="model", code="model_not_found")
    return {
        "object": "argosy.explanation",
        "name": name,
        "route": None if route is None else _route_json(route),
        "models": found,
    }


async def _explained(models: Models, explainer: Explainer, caller: Caller, name: str) -> Json:
    try:
        return explainer.explain(await models.find(caller.project_id, name))
    except NotFound as error:
        return {"model": name, "error": error.message}


def _names(route: Route) -> list[str]:
    """Return the models that the route can lead to, each once."""
    return list(dict.fromkeys([*(t.model_id for t in route.targets), *route.fallbacks]))


def _route_json(route: Route) -> Json:
    total = sum(target.weight for target in route.targets)
    return {
        "name": route.name,
        "targets": [
            {"model": t.model_id, "share": round(t.weight / total, 4) if total else 0.0}
            for t in route.targets
        ],
        "fallbacks": list(route.fallbacks),
    }
