"""The ordinary routes of the gateway that only routes, and what its process does without."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.wrong_keys import WrongKeys
from argosy.gateway.catalog import Catalog
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.router import router_application
from argosy.gateway.lane.asgi import ASGIApp, Message
from argosy.gateway.placement.states import Condition, ModelState
from argosy.gateway.standalone.config import Config
from argosy.gateway.standalone.feed import entries
from argosy.gateway.standalone.models import CatalogModels
from argosy.kit.clock import SystemClock
from prometheus_client import CollectorRegistry

PEPPER = b"pepper"
FILE = {
    "pool": [{"name": "p", "engine": "vllm", "replicas": ["http://e"], "models": ["org/tiny:1"]}],
    "key": [{"name": "k", "secret": "sk-k"}, {"name": "a", "secret": "sk-a", "admin": True}],
    "route": [{"name": "best", "targets": [{"model": "org/tiny:1"}]}],
}


class Explainer:
    def explain(self, model: pb.Model) -> dict[str, Any]:
        return {"model": model.id}


class Starting:
    def of(self, model: pb.Model) -> Condition:
        return Condition(ModelState.CREATING, "It starts.")


@pytest.fixture
def metrics() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def app(metrics: CollectorRegistry) -> ASGIApp:
    catalog, clock = Catalog(), SystemClock()
    catalog.replace(entries(Config.model_validate(FILE), PEPPER))
    return router_application(
        CatalogModels(catalog),
        Starting(),
        Explainer(),
        BodyReader(limit=1024, timeout=1.0),
        Authenticator(catalog, PEPPER, lambda: True, WrongKeys(clock.monotonic, 60)),
        clock=clock,
        metrics=metrics,
    )


async def ask(
    app: ASGIApp, method: str, target: str, *, key: str = "sk-k", body: bytes = b""
) -> tuple[int, dict[str, str], Any]:
    path, _, query = target.partition("?")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": headers, "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    start, end = sent
    lines = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(lines["content-length"]) == len(end["body"])
    return start["status"], lines, json.loads(end["body"])


async def test_models_are_listed_and_found_by_any_name(app: ASGIApp) -> None:
    status, headers, listed = await ask(app, "GET", "/v1/models")
    assert (status, [model["id"] for model in listed["data"]]) == (200, ["org/tiny:1", "best"])
    assert headers["x-request-id"].startswith("req_")
    for name in ("org/tiny:1", "best"):
        status, _, model = await ask(app, "GET", f"/v1/models/{name}")
        assert (status, model["id"]) == (200, name)
    status, _, answer = await ask(app, "GET", "/v1/models/other")
    assert (status, answer["error"]["code"]) == (404, "model_not_found")


async def test_an_explanation_is_for_administrators(app: ASGIApp) -> None:
    status, _, answer = await ask(app, "GET", "/v1/argosy/explain?model=best")
    assert (status, answer["error"]["code"]) == (403, "admin_key_required")
    status, _, answer = await ask(app, "GET", "/v1/argosy/explain?model=org%2Ftiny:1", key="sk-a")
    assert (status, answer["models"]) == (200, [{"model": "org/tiny:1"}])
    status, _, answer = await ask(app, "GET", "/v1/argosy/explain", key="sk-a")
    assert (status, answer["error"]["param"]) == (400, "model")


async def test_embeddings_that_no_pool_makes_are_refused_by_name(app: ASGIApp) -> None:
    body = json.dumps({"model": "org/tiny:1", "input": "Ahoy"}).encode()
    status, _, answer = await ask(app, "POST", "/v1/embeddings", body=body)
    assert (status, answer["error"]["param"]) == (400, "model")
    status, _, answer = await ask(app, "POST", "/v1/embeddings", body=b'{"model": "org/tiny:1"}')
    assert (status, answer["error"]["param"]) == (400, "input")
    status, _, answer = await ask(app, "POST", "/v1/embeddings", body=b"x" * 2000)
    assert (status, answer["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/v1/models", 405, "GET"),
        ("DELETE", "/v1/models/org/tiny:1", 405, "GET"),
        ("GET", "/v1/embeddings", 405, "POST"),
        ("GET", "/v1/chat/completions", 405, "POST"),
        ("GET", "/v1/files", 404, None),
        ("GET", "/v1/models/", 404, None),
        ("GET", "/", 404, None),
    ],
)
async def test_other_requests_are_refused_without_a_key(
    app: ASGIApp, method: str, path: str, status: int, allow: str | None
) -> None:
    got, headers, answer = await ask(app, method, path, key="sk-nobody")
    assert (got, headers.get("allow")) == (status, allow)
    assert answer["error"]["type"] == "invalid_request_error"
    assert path in answer["error"]["message"]


async def test_a_wrong_key_is_refused_and_routes_are_counted_by_template(
    app: ASGIApp, metrics: CollectorRegistry
) -> None:
    assert (await ask(app, "GET", "/v1/models/org/tiny:1", key="sk-x"))[0] == 401
    labels = {"method": "GET", "route": "/v1/models/{model_id:path}", "status": "401"}
    name = "argosy_gateway_http_request_seconds_count"
    assert metrics.get_sample_value(name, labels) == 1


async def test_what_breaks_says_nothing(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, project_id: str) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(CatalogModels, "visible", broken)
    status, _, answer = await ask(app, "GET", "/v1/models")
    assert (status, answer["error"]["type"]) == (500, "server_error")
    assert "canary" not in str(answer)


def test_a_worker_loads_nothing_that_a_router_does_not_need() -> None:
    heavy = ["litestar", "grpc", "nats", "sqlalchemy", "alembic", "numpy", "requests", "pydantic"]
    program = (
        "import sys, argosy.gateway.standalone.__main__\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert loaded.stdout.strip() == "[]"


async def test_h02_models_are_listed_by_their_state(app: ASGIApp) -> None:
    _, _, said = await ask(app, "GET", "/v1/models?state=creating")
    assert [m["id"] for m in said["data"]] == ["org/tiny:1"]
    assert said["data"][0]["argosy"]["state_reason"] == "It starts."
    assert (await ask(app, "GET", "/v1/models?state=Ready"))[2]["data"] == []
    status, _, error = await ask(app, "GET", "/v1/models?state=done")
    assert (status, error["error"]["param"]) == (400, "state")
