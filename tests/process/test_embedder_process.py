"""The embedder as a process: real gRPC, real model, found and refused as a peer would be."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
from argosy.api.embedder.v1 import embedder_pb2, embedder_pb2_grpc
from argosy.kit import rpc
from argosy.kit.errors import InvalidRequest, NotFound, Unavailable
from argosy.kit.processes import free_port
from argosy.kit.settings import ServiceSettings
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

MODEL = "use-multilingual-v3"
SERVICE = "argosy.api.embedder.v1.EmbeddingService"
TOKEN = "token-of-this-test"


@dataclass(frozen=True)
class Embedder:
    process: subprocess.Popen[bytes]
    target: str
    health: str
    log: Path

    def settings(self, token: str = TOKEN) -> ServiceSettings:
        return ServiceSettings(bind=self.target, health_bind=self.health, service_token=token)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.health}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        assert found is not None, line
        return float(found[1])


def start(folder: Path, **extra: str) -> Embedder:
    target, health = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ARGOSY_")} | {
        "ARGOSY_BIND": target,
        "ARGOSY_HEALTH_BIND": health,
        "ARGOSY_SERVICE_TOKEN": TOKEN,
        **extra,
    }
    log = folder / "embedder.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "argosy.embedder"], env=environment, stderr=out
        )
    return Embedder(process, target, health, log)


def wait_until_ready(embedder: Embedder, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert embedder.process.poll() is None, embedder.log.read_text()
        try:
            if embedder.get("/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)  # another process's start: there is nothing to wait on but its port
    raise AssertionError(embedder.log.read_text())


def stop(embedder: Embedder) -> None:
    if embedder.process.poll() is None:
        embedder.process.kill()
    embedder.process.wait(10)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedder]:
    started = start(tmp_path_factory.mktemp("embedder"))
    try:
        wait_until_ready(started)
        yield started
    finally:
        stop(started)


@pytest.fixture
async def stub(embedder: Embedder) -> AsyncIterator[embedder_pb2_grpc.EmbeddingServiceStub]:
    async with rpc.channel(embedder.target, embedder.settings()) as channel:
        yield embedder_pb2_grpc.EmbeddingServiceStub(channel)


def request(*texts: str, **fields: object) -> embedder_pb2.EmbedRequest:
    return embedder_pb2.EmbedRequest(**{"model": MODEL, "input": texts, **fields})


async def test_vectors_over_the_wire(stub: embedder_pb2_grpc.EmbeddingServiceStub) -> None:
    answer = await stub.Embed(request("The cat sleeps.", "猫在睡觉。", dimensions=256), timeout=20)
    english, chinese = (np.frombuffer(raw, "<f4") for raw in answer.embeddings)
    assert english.shape == (256,)
    assert float(np.linalg.norm(english)) == pytest.approx(1.0, abs=1e-5)
    assert float(english @ chinese) > 0.7
    assert answer.prompt_tokens > 4


async def test_the_largest_answer_passes(stub: embedder_pb2_grpc.EmbeddingServiceStub) -> None:
    answer = await stub.Embed(request(*["hello"] * 2048), timeout=60)
    assert len(answer.embeddings) == 2048
    assert {len(raw) for raw in answer.embeddings} == {4 * 512}


async def test_errors_arrive_as_they_were_raised(
    stub: embedder_pb2_grpc.EmbeddingServiceStub,
) -> None:
    says = "tokens; the model reads at most 512"
    with pytest.raises(InvalidRequest, match=says) as long, rpc.calling("embedder"):
        await stub.Embed(request("short", "word " * 600), timeout=20)
    assert long.value.param == "input[1]"
    with pytest.raises(NotFound, match=MODEL), rpc.calling("embedder"):
        await stub.Embed(request("a", model="text-embedding-3-small"), timeout=20)


async def test_a_caller_without_the_token_is_refused(embedder: Embedder) -> None:
    async with grpc.aio.insecure_channel(embedder.target) as nobody:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await embedder_pb2_grpc.EmbeddingServiceStub(nobody).Embed(request("a"), timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    async with rpc.channel(embedder.target, embedder.settings("another-token")) as stranger:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await embedder_pb2_grpc.EmbeddingServiceStub(stranger).Embed(request("a"), timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_standard_health_and_reflection(embedder: Embedder) -> None:
    async with grpc.aio.insecure_channel(embedder.target) as probe:
        # It follows `/readyz` with a delay, so it is watched and not asked once.
        told = health_pb2_grpc.HealthStub(probe).Watch(
            health_pb2.HealthCheckRequest(service=SERVICE), timeout=10
        )
        while (await told.read()).status != health_pb2.HealthCheckResponse.SERVING:
            pass
    async with grpc.aio.insecure_channel(embedder.target) as channel:
        info = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            timeout=10, metadata=((rpc.AUTHORIZATION, f"Bearer {TOKEN}"),)
        )
        await info.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await info.done_writing()
        listed = await info.read()
    assert SERVICE in {service.name for service in listed.list_services_response.service}


async def test_past_its_deadline_a_request_is_not_computed(
    embedder: Embedder, stub: embedder_pb2_grpc.EmbeddingServiceStub
) -> None:
    long = "a few words in a row " * 80  # ~ 480 tokens
    before = embedder.metric("argosy_embedder_batch_tokens_sum")
    with pytest.raises(Unavailable), rpc.calling("embedder"):
        await stub.Embed(request(*[long] * 500), timeout=0.3)
    await until(lambda: embedder.metric("argosy_embedder_held_inputs") == 0)
    assert embedder.metric('argosy_embedder_requests_total{outcome="cancelled"}') >= 1
    # The embedder answers the next caller, and the 240,000 tokens were left alone.
    await stub.Embed(request("next"), timeout=20)
    assert embedder.metric("argosy_embedder_batch_tokens_sum") - before < 100_000


async def until(holds: object, seconds: float = 10) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < end, "the condition never held"
        await asyncio.sleep(0.02)


def test_a_stop_is_orderly_and_logs_hold_no_text(tmp_path: Path) -> None:
    own = start(tmp_path)
    try:
        wait_until_ready(own)
        assert json.loads(own.get("/readyz")[1]) == {"ready": True, "missing": {}}

        async def ask() -> None:
            async with rpc.channel(own.target, own.settings()) as channel:
                stub = embedder_pb2_grpc.EmbeddingServiceStub(channel)
                await stub.Embed(request("canary-7c1f"), timeout=20)
                with pytest.raises(InvalidRequest), rpc.calling("embedder"):
                    await stub.Embed(request("canary-7c1f " * 600), timeout=20)

        asyncio.run(ask())
        own.process.send_signal(signal.SIGTERM)
        assert own.process.wait(10) == 0
    finally:
        stop(own)
    lines = own.log.read_text().splitlines()
    assert [json.loads(line)["message"] for line in lines][-1] == "stopping"
    assert "canary-7c1f" not in own.log.read_text()
    assert TOKEN not in own.log.read_text()
