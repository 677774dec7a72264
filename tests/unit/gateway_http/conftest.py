"""The ordinary API over real gRPC, with small services that tests can steer.

`fleet` calls the application in this process; `served` puts a real HTTP server before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import httpx2
import pytest
from argosy.api.embedder.v1 import embedder_pb2, embedder_pb2_grpc
from argosy.api.registry.v1 import registry_pb2, registry_pb2_grpc
from argosy.api.trainer.v1 import trainer_pb2, trainer_pb2_grpc
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
from argosy.kit.errors import ApiError, NotFound
from argosy.kit.http import serving
from argosy.kit.processes import free_port
from argosy.kit.rpc_server import Guard
from argosy.kit.settings import HostPort, ServiceSettings
from openai import AsyncOpenAI
from prometheus_client import CollectorRegistry

KEY = "sk-test"
PEPPER = b"pepper"
PROJECT = "proj_a"
MAX_FILE_BYTES = 3_000_000
MAX_BODY_BYTES = 100_000


class FakeFiles(registry_pb2_grpc.FileServiceServicer):
    """Keeps files in memory. `refuse` makes the next content with that text fail."""

    def __init__(self) -> None:
        self.files: dict[str, registry_pb2.File] = {}
        self.contents: dict[str, bytes] = {}
        self.largest_chunk = 0
        self.unfinished = 0
        self.refuse: tuple[bytes, ApiError] | None = None

    async def CreateFile(self, request_iterator: Any, context: Any) -> Any:
        content = bytearray()
        header = registry_pb2.FileHeader()
        self.unfinished += 1
        async for part in request_iterator:
            if part.WhichOneof("part") == "header":
                header = part.header
                continue
            self.largest_chunk = max(self.largest_chunk, len(part.chunk))
            content += part.chunk
            if self.refuse and self.refuse[0] in content:
                raise self.refuse[1]
        # An aborted stream looks complete to gRPC's iterator; the abort comes with the next await,
        # which in the registry is the disk's and the database's.
        await asyncio.sleep(0.05)
        self.unfinished -= 1
        file = registry_pb2.File(
            id=f"file-{len(self.files) + 1}",
            project_id=header.project_id,
            filename=header.filename,
            purpose=header.purpose,
            bytes=len(content),
            status="processed",
        )
        file.created_at.FromSeconds(1_700_000_000)
        if header.expires_after_seconds:
            file.expires_at.FromSeconds(1_700_000_000 + header.expires_after_seconds)
        self.files[file.id] = file
        self.contents[file.id] = bytes(content)
        return registry_pb2.CreateFileResponse(file=file)

    def _find(self, request: Any) -> registry_pb2.File:
        file = self.files.get(request.file_id)
        if file is None or file.project_id != request.project_id:
            raise NotFound("No such File object.", param="id")
        return file

    async def GetFile(self, request: Any, context: Any) -> Any:
        return registry_pb2.GetFileResponse(file=self._find(request))

    async def ListFiles(self, request: Any, context: Any) -> Any:
        self.listed = request
        files = [f for f in self.files.values() if request.purpose in {"", f.purpose}]
        files.sort(key=lambda f: f.id, reverse=not request.page.ascending)
        after = [f.id for f in files].index(request.page.after) + 1 if request.page.after else 0
        end = after + (request.page.limit or 10_000)
        return registry_pb2.ListFilesResponse(files=files[after:end], has_more=end < len(files))

    async def DeleteFile(self, request: Any, context: Any) -> Any:
        del self.files[self._find(request).id]
        return registry_pb2.DeleteFileResponse()

    async def ReadFile(self, request: Any, context: Any) -> Any:
        content = self.contents[self._find(request).id]
        for start in range(0, len(content), 100_000):
            yield registry_pb2.ReadFileResponse(chunk=content[start : start + 100_000])


class FakeCatalog(registry_pb2_grpc.CatalogServiceServicer):
    """Answers unary calls. `Watch` is tested apart."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def Watch(self, request: Any, context: Any) -> Any:
        yield registry_pb2.WatchResponse(synced=True)

    async def GetModel(self, request: Any, context: Any) -> Any:
        raise NotFound("No such model.", param="model")

    async def DeleteModel(self, request: Any, context: Any) -> Any:
        self.deleted.append(request.model_id)
        return registry_pb2.DeleteModelResponse()

    async def PublishAdapter(self, request_iterator: Any, context: Any) -> Any:
        raise NotImplementedError


class FakeTuning(trainer_pb2_grpc.TuningServiceServicer):
    """Holds one job, remembers each request."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.fail: ApiError | None = None
        self.job = trainer_pb2.Job(
            id="ftjob-1",
            project_id=PROJECT,
            status=trainer_pb2.JOB_STATUS_QUEUED,
            model="smollm2-135m-instruct",
            training_file="file-1",
            seed=7,
            organization_slug="argosy",
        )
        self.job.created_at.FromSeconds(1_700_000_000)
        self.events: list[trainer_pb2.JobEvent] = []
        self.checkpoints: list[trainer_pb2.Checkpoint] = []

    def _note(self, request: Any) -> trainer_pb2.Job:
        self.requests.append(request)
        if self.fail:
            raise self.fail
        return self.job

    async def CreateJob(self, request: Any, context: Any) -> Any:
        return trainer_pb2.CreateJobResponse(job=self._note(request))

    async def GetJob(self, request: Any, context: Any) -> Any:
        return trainer_pb2.GetJobResponse(job=self._note(request))

    async def ListJobs(self, request: Any, context: Any) -> Any:
        return trainer_pb2.ListJobsResponse(jobs=[self._note(request)], has_more=False)

    async def CancelJob(self, request: Any, context: Any) -> Any:
        return trainer_pb2.CancelJobResponse(job=self._note(request))

    async def PauseJob(self, request: Any, context: Any) -> Any:
        self.job.status = trainer_pb2.JOB_STATUS_PAUSED
        return trainer_pb2.PauseJobResponse(job=self._note(request))

    async def ResumeJob(self, request: Any, context: Any) -> Any:
        self.job.status = trainer_pb2.JOB_STATUS_QUEUED
        return trainer_pb2.ResumeJobResponse(job=self._note(request))

    async def ListEvents(self, request: Any, context: Any) -> Any:
        self._note(request)
        return trainer_pb2.ListEventsResponse(events=self.events, has_more=True)

    async def ListCheckpoints(self, request: Any, context: Any) -> Any:
        self._note(request)
        return trainer_pb2.ListCheckpointsResponse(checkpoints=self.checkpoints)


class FakeEmbedding(embedder_pb2_grpc.EmbeddingServiceServicer):
    """Gives text number i the vector (i, 0.1, …) of the asked length; is away for `away`."""

    async def Embed(self, request: Any, context: Any) -> Any:
        if "away" in request.input:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        length = request.dimensions if request.HasField("dimensions") else 4
        vectors = [
            struct.pack(f"<{length}f", float(index), *([0.1] * (length - 1)))
            for index in range(len(request.input))
        ]
        tokens = sum(math.ceil(len(text) / 4) for text in request.input)
        return embedder_pb2.EmbedResponse(embeddings=vectors, prompt_tokens=tokens)


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
