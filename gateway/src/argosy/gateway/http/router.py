"""The ordinary API of the gateway that only routes: its models, and how they are served.

Knows its four routes and needs no framework for them, which a worker's memory would feel. What
they answer is made where the fleet's gateway has it made.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs

import msgspec
from argosy.gateway.access.keys import Authenticator, Caller
from argosy.gateway.errors import render
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.embeddings_request import no_embedding_model, read_embedding
from argosy.gateway.http.envelope import Envelope
from argosy.gateway.http.explanation import Explainer, Json, explanation
from argosy.gateway.http.model_shapes import find_json, list_json, visible_json, wanted_state
from argosy.gateway.http.sender import project_key
from argosy.gateway.http.wrong_routes import broken, no_such_route, wrong_method
from argosy.gateway.lane.asgi import Receive, Scope, Send
from argosy.gateway.lane.request.completion import BY_PATH
from argosy.kit.clock import Clock
from argosy.kit.errors import ApiError
from prometheus_client import CollectorRegistry

if TYPE_CHECKING:
    from argosy.gateway.http.ports import Models, States

_log = logging.getLogger(__name__)

_MODELS: Final = "/v1/models"
_JSON: Final = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose sender is known."""

    scope: Scope
    receive: Receive
    caller: Caller

    @property
    def headers(self) -> Mapping[str, str]:
        return {
            name.decode("latin-1"): text.decode("latin-1") for name, text in self.scope["headers"]
        }


class _Route(NamedTuple):
    """A method and what answers it; `template` is the name under which the metrics know it."""

    template: str
    method: str
    answer: Callable[[_Asked], Awaitable[Json]]


class _Routes:
    """An ASGI application."""

    def __init__(
        self,
        models: Models,
        states: States,
        explainer: Explainer,
        body_reader: BodyReader,
        authenticator: Authenticator,
    ) -> None:
        self._models = models
        self._states = states
        self._explainer = explainer
        self._body_reader = body_reader
        self._authenticator = authenticator
        self._one_model = _Route(f"{_MODELS}/{{model_id:path}}", "GET", self._retrieve)
        self._routes = {
            route.template: route
            for route in (
                _Route(_MODELS, "GET", self._list),
                _Route("/v1/argosy/explain", "GET", self._explain),
                _Route("/v1/embeddings", "POST", self._no_embedding),
            )
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = msgspec.json.encode(await self._answer(scope, receive))
            status, headers = 200, [_JSON, (b"content-length", b"%d" % len(body))]
        except ApiError as error:
            status, headers, body = render(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            _log.error("request failed", exc_info=error)
            status, headers, body = render(broken())
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, scope: Scope, receive: Receive) -> Json:
        path, method = scope["path"], scope["method"]
        route = self._routes.get(path)
        # A model id may hold `:` and `/`, so it is the whole rest of the path.
        if route is None and path.startswith(f"{_MODELS}/") and path != f"{_MODELS}/":
            route = self._one_model
        if route is None:
            if path in BY_PATH:
                # The lane's, which takes only POST.
                raise wrong_method(method, path, "POST")
            raise no_such_route(method, path)
        scope["path_template"] = route.template
        if method != route.method:
            raise wrong_method(method, path, route.method)
        caller = await project_key(self._authenticator, scope)
        return await route.answer(_Asked(scope, receive, caller))

    async def _list(self, asked: _Asked) -> Json:
        said = parse_qs(asked.scope["query_string"].decode("latin-1")).get("state", [None])
        wanted = wanted_state(said[-1])
        return list_json(visible_json(self._models, self._states, asked.caller.project_id), wanted)

    async def _retrieve(self, asked: _Asked) -> Json:
        name = asked.scope["path"].removeprefix(f"{_MODELS}/")
        return await find_json(self._models, self._states, asked.caller.project_id, name)

    async def _explain(self, asked: _Asked) -> Json:
        """Explain the name in the query: it may hold what ends a path."""
        names = parse_qs(asked.scope["query_string"].decode("latin-1")).get("model", [""])
        return await explanation(self._models, self._explainer, asked.caller, names[-1])

    async def _no_embedding(self, asked: _Asked) -> Json:
        """Say what is wrong with a request for embeddings that the lane did not take."""
        request, _ = read_embedding(await self._body_reader.read(asked))
        model = await self._models.find(asked.caller.project_id, request.model)
        raise no_embedding_model(model.id, asked.caller, self._models)


def router_application(
    models: Models,
    states: States,
    explainer: Explainer,
    body_reader: BodyReader,
    authenticator: Authenticator,
    *,
    clock: Clock,
    metrics: CollectorRegistry,
) -> Envelope:
    """Return the ASGI application of every route but the lane's."""
    routes = _Routes(models, states, explainer, body_reader, authenticator)
    return Envelope(routes, clock=clock, metrics=metrics)
