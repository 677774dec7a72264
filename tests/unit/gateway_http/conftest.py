"""The ordinary API over real gRPC, with small services that tests can steer.

`fleet` calls the application in this process; `served` puts a real HTTP server before it.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import httpx2
import pytest
from argosy.api.embedder.v1 import embedder_pb2_grpc
from argosy.api.registry.v1 import registry_pb2, registry_pb2_grpc
from argosy.api.trainer.v1 import trainer_pb2_grpc
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.limits import Limits
from argosy.gateway.access.local_cells import LocalCells
from argosy.gateway.access.tokens import AccessTokens
from argosy.gateway.catalog import Catalog
from argosy.gateway.http.admin.checkpoint_permissions import CheckpointSharing
from argosy.gateway.http.admin.making_keys import KeyDesk
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.files import UploadLimits
from argosy.gateway.http.fleet import Resources, fleet_application
from argosy.gateway.http.oauth import TokenDesk
from argosy.gateway.metering.usage import Usage
from argosy.gateway.placement.states import Condition, ModelState
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.gateway.upstream.completions import CompletionsClient
from argosy.gateway.upstream.datasets import DatasetsClient
from argosy.gateway.upstream.embedding import EmbeddingClient
from argosy.gateway.upstream.files import FilesClient
from argosy.gateway.upstream.graders import GraderClient
from argosy.gateway.upstream.key_lookup import KeyLookup
from argosy.gateway.upstream.model_lookup import model_not_found
from argosy.gateway.upstream.models import ModelsClient
from argosy.gateway.upstream.prices import PricesClient
from argosy.gateway.upstream.tuning import TuningClient
from argosy.gateway.upstream.tuning_evaluations import TuningEvaluationClient
from argosy.gateway.upstream.tuning_report import TuningReportClient
from argosy.gateway.upstream.usage import UsageReportsClient
from argosy.kit import rpc
from argosy.kit.clock import SystemClock
from argosy.kit.http import serving
from argosy.kit.processes import free_port
from argosy.kit.rpc_server import Guard
from argosy.kit.settings import HostPort, ServiceSettings
from openai import AsyncOpenAI
from prometheus_client import CollectorRegistry

from tests.fakes.services import PROJECT, FakeCatalog, FakeEmbedding, FakeFiles, FakeTuning

KEY = "sk-test"
PEPPER = b"pepper"
MAX_FILE_BYTES = 3_000_000
MAX_BODY_BYTES = 100_000


class FakeModels:
    """The gateway's models in memory."""

    def __init__(self, models: Iterable[registry_pb2.Model]) -> None:
        self.models = {model.id: model for model in models}
        self.forgotten: list[str] = []

    def visible(self, project_id: str) -> list[registry_pb2.Model]:
        return [m for m in self.models.values() if m.project_id in {"", project_id}]

    async def find(self, project_id: str, name: str) -> registry_pb2.Model:
        for model in self.visible(project_id):
            if model.id == name:
                return model
        raise model_not_found(name)

    def route(self, project_id: str, name: str) -> None:
        return None

    def routes(self, project_id: str) -> list[registry_pb2.Route]:
        return []

    async def forget(self, model_id: str) -> None:
        self.forgotten.append(model_id)
        del self.models[model_id]


class AllReady:
    """Says that every model answers."""

    def of(self, model: registry_pb2.Model) -> Condition:
        return Condition(ModelState.READY)


class NoEngines:
    """Says that nothing is served."""

    def explain(self, model: registry_pb2.Model) -> dict[str, Any]:
        return {"model": model.id, "replicas": []}


def a_model(name: str, kind: registry_pb2.ModelKind, **fields: Any) -> registry_pb2.Model:
    model = registry_pb2.Model(id=name, kind=kind, owned_by="argosy", servable=True, **fields)
    model.created_at.FromSeconds(1_700_000_000)
    return model


@dataclass
class Fleet:
    """What a test steers and what it looks at afterwards."""

    app: Any
    files: FakeFiles
    catalog: FakeCatalog
    tuning: FakeTuning
    models: FakeModels
    metrics: CollectorRegistry
    server: grpc.aio.Server
    usage: list[Usage] = field(default_factory=list)
    # Empty if there is no HTTP server before the application.
    address: str = ""

    @property
    def base_url(self) -> str:
        return f"http://{self.address or 'gateway'}"

    def sdk(self, **options: Any) -> AsyncOpenAI:
        if not self.address:
            transport = httpx2.ASGITransport(self.app)
            options["http_client"] = httpx2.AsyncClient(transport=transport)
        return AsyncOpenAI(
            base_url=f"{self.base_url}/v1", api_key=KEY, **{"max_retries": 0, **options}
        )

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.base_url,
            headers={"authorization": f"Bearer {KEY}"},
            timeout=20,
            transport=None if self.address else httpx.ASGITransport(self.app),
        )


def _authenticator() -> Authenticator:
    catalog = Catalog()
    digest = hmac.digest(PEPPER, KEY.encode(), "sha256")
    catalog.replace(
        [
            registry_pb2.WatchResponse(
                key=registry_pb2.Key(id="key_a", digest=digest, project_id=PROJECT)
            ),
            registry_pb2.WatchResponse(
                project=registry_pb2.Project(id=PROJECT, organization_slug="argosy")
            ),
        ]
    )
    return Authenticator(catalog, PEPPER, lambda: True)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    settings = ServiceSettings(
        bind=HostPort("127.0.0.1", 0), health_bind=HostPort("127.0.0.1", 0), service_token="t"
    )
    files, catalog, tuning = FakeFiles(), FakeCatalog(), FakeTuning()
    server = grpc.aio.server(interceptors=[Guard("t")])
    registry_pb2_grpc.add_FileServiceServicer_to_server(files, server)
    registry_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
    trainer_pb2_grpc.add_TuningServiceServicer_to_server(tuning, server)
    embedder_pb2_grpc.add_EmbeddingServiceServicer_to_server(FakeEmbedding(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    models = FakeModels(
        [
            a_model("smollm2-135m-instruct", registry_pb2.MODEL_KIND_BASE, trainable=True),
            a_model("use-multilingual-v3", registry_pb2.MODEL_KIND_EMBEDDING),
            a_model(
                "ft:smollm2-135m-instruct:argosy::abcdefgh",
                registry_pb2.MODEL_KIND_TUNED,
                base="smollm2-135m-instruct",
                project_id=PROJECT,
            ),
            a_model(
                "ft:smollm2-135m-instruct:argosy::theirs00",
                registry_pb2.MODEL_KIND_TUNED,
                base="smollm2-135m-instruct",
                project_id="proj_b",
            ),
        ]
    )
    metrics = CollectorRegistry()
    usage: list[Usage] = []

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(rpc.channel(f"127.0.0.1:{port}", settings))
        accounts, authenticator = AccountsClient(channel), _authenticator()
        lookup = KeyLookup(accounts, Catalog(), SystemClock())
        app = fleet_application(
            Resources(
                accounts=accounts,
                body_reader=BodyReader(limit=MAX_BODY_BYTES, timeout=1.0),
                checkpoint_sharing=CheckpointSharing(accounts, Catalog()),
                clock=SystemClock(),
                embedding=EmbeddingClient(channel, timeout=5),
                limits=Limits(
                    LocalCells(SystemClock()),
                    no_price,
                    clock=SystemClock(),
                    metrics=CollectorRegistry(),
                ),
                explainer=NoEngines(),
                files=FilesClient(channel),
                key_desk=KeyDesk(accounts, lookup, Catalog()),
                models=models,
                prices=PricesClient(channel),
                record_usage=usage.append,
                registry_models=ModelsClient(channel),
                states=AllReady(),
                token_desk=TokenDesk(authenticator, AccessTokens(PEPPER, SystemClock())),
                tuning=TuningClient(channel),
                completions=CompletionsClient(channel),
                datasets=DatasetsClient(channel),
                graders=GraderClient(channel),
                tuning_evaluations=TuningEvaluationClient(channel),
                tuning_reports=TuningReportClient(channel),
                upload_limits=UploadLimits(MAX_FILE_BYTES, 1.0, tmp_path),
                usage_reports=UsageReportsClient(channel),
            ),
            authenticator,
            metrics,
        )
        yield Fleet(app, files, catalog, tuning, models, metrics, server, usage)


def no_price(model: registry_pb2.Model) -> None:
    """Nothing has a price here."""


@pytest.fixture
async def served(fleet: Fleet) -> AsyncIterator[Fleet]:
    address = HostPort("127.0.0.1", free_port())
    async with serving(fleet.app, address, http="httptools"):
        fleet.address = str(address)
        yield fleet
