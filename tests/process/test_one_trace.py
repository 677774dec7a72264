"""One request is one trace: from HTTP through gRPC and NATS, across every process that helps."""

from __future__ import annotations

import io
import json
import secrets
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import openai
import pytest

from tests.harness.api_fleet import FAKE_WORKER
from tests.harness.cluster import MODEL, Cluster
from tests.harness.invariants import gauge
from tests.harness.otlp import ReceivedSpan, Receiver, receiving
from tests.harness.prepared_home import PreparedHomes
from tests.harness.waiting import wait_until

CANARY = b"canary-in-the-file"
LINE = {
    "messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello!"}]
}
PROMPT = [{"role": "user", "content": "hi"}]
# Milliseconds before each token: long enough for a second request to have to wait.
SLOW = 30


@dataclass(frozen=True)
class Traced:
    """A fleet whose spans are received."""

    cluster: Cluster
    receiver: Receiver

    @property
    def client(self) -> openai.OpenAI:
        return self.cluster.client()


class Trace:
    """The trace of one call: hand over `headers`, then wait for its spans."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._id = secrets.token_hex(16)
        self.parent = secrets.token_hex(8)
        self.headers = {"traceparent": f"00-{self._id}-{self.parent}-01"}

    def spans(self, *wanted: tuple[str, str]) -> dict[tuple[str, str], ReceivedSpan]:
        """Wait for the spans named by service (without `argosy-`) and name."""

        def complete() -> dict[tuple[str, str], ReceivedSpan]:
            spans = self._receiver.trace(self._id)
            found = {(s.service.removeprefix("argosy-"), s.name): s for s in spans}
            assert set(wanted) <= set(found), sorted(found)
            return found

        return wait_until(complete, 40, "the trace")


@pytest.fixture(scope="module")
def traced(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Traced]:
    with receiving() as receiver:
        cluster = Cluster(
            tmp_path_factory.mktemp("trace"),
            prepared_homes=prepared_homes,
            worker_command=[sys.executable, str(FAKE_WORKER)],
            engine_arguments=("--slow-ms", str(SLOW)),
            environment={
                # Only what a test asks for.
                "*": {"ARGOSY_OTLP_ENDPOINT": receiver.url, "ARGOSY_TRACE_SAMPLE_RATIO": "0"},
                "gateway": {"ARGOSY_POOL_CONCURRENCY": "1"},
            },
        )
        try:
            yield Traced(cluster.start(), receiver)
        finally:
            cluster.stop()


@pytest.fixture
def trace(traced: Traced) -> Trace:
    return Trace(traced.receiver)


def test_a_deleted_file_is_one_trace_over_http_grpc_and_nats(traced: Traced, trace: Trace) -> None:
    file = traced.client.files.create(file=("a.txt", io.BytesIO(CANARY)), purpose="user_data")
    traced.client.files.delete(file.id, extra_headers=trace.headers)
    delete = ("registry", "argosy.api.registry.v1.FileService/DeleteFile")
    consume = ("trainer", "consume file.deleted")
    route = ("gateway", "DELETE /v1/files/{file_id}")
    spans = trace.spans(delete, consume, route)
    assert spans[consume].parent_id == spans[delete].span_id
    assert spans[delete].parent_id == spans[route].span_id
    assert spans[route].parent_id == trace.parent
    assert not any(CANARY in body for body in traced.receiver.raw)


def test_a_stream_tells_its_time_in_queue_prefill_and_decode_and_its_usage(
    traced: Traced, trace: Trace
) -> None:
    def ask() -> None:
        answer = traced.client.chat.completions.create(
            model=MODEL, messages=PROMPT, max_tokens=5, stream=True, extra_headers=trace.headers
        )
        assert list(answer)

    def waits() -> bool:
        return gauge(traced.cluster, "gateway", "argosy_gateway_queued_requests") == 1

    with occupied(traced.client) as leave, ThreadPoolExecutor() as aside:
        asked = aside.submit(ask)
        wait_until(waits, 20, "a request in the queue")
        leave()
        asked.result(30)
    names = [("gateway", name) for name in ("POST /v1/chat/completions", "queue", "prefill")]
    decode, consume = ("gateway", "decode"), ("registry", "consume usage.recorded")
    spans = trace.spans(*names, decode, consume)
    whole, queue, prefill = (spans[name] for name in names)
    assert whole.parent_id == trace.parent
    parts = [queue, prefill, spans[decode]]
    assert {part.parent_id for part in parts} == {whole.span_id}
    # One after the other, all within the whole; a child's times come from another clock.
    assert whole.begun <= queue.begun + 1e-3
    assert queue.ended == pytest.approx(prefill.begun, abs=1e-3)
    assert prefill.ended == pytest.approx(spans[decode].begun, abs=1e-3)
    assert spans[decode].ended <= whole.ended + 1e-3
    assert all(part.seconds > 0 for part in parts)
    told = whole.attributes
    assert told["argosy.queue_seconds"] == pytest.approx(queue.seconds, abs=1e-3)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.request.model"] == MODEL
    assert told["gen_ai.usage.output_tokens"] == 5
    assert told["argosy.outcome"] == "ok"
    # The usage went by NATS, and the engine was told the trace too.
    assert spans[consume].parent_id == whole.span_id


def test_embeddings_are_one_trace_with_the_embedders_steps(traced: Traced, trace: Trace) -> None:
    traced.client.embeddings.create(
        model="use-multilingual-v3", input=["a", "b"], extra_headers=trace.headers
    )
    served, consume = ("gateway", "POST /v1/embeddings"), ("registry", "consume usage.recorded")
    steps = [("embedder", "tokenize"), ("embedder", "embed")]
    called = ("embedder", "argosy.api.embedder.v1.EmbeddingService/Embed")
    spans = trace.spans(served, called, *steps, consume)
    assert spans[served].parent_id == trace.parent
    assert spans[called].parent_id == spans[served].span_id
    assert {spans[step].parent_id for step in steps} == {spans[called].span_id}
    assert spans[consume].parent_id == spans[served].span_id


def test_a_tuning_job_is_one_trace_from_its_request_to_the_published_model(
    traced: Traced, trace: Trace
) -> None:
    client = traced.client
    lines = io.BytesIO(f"{json.dumps(LINE)}\n".encode() * 10)
    training_file = client.files.create(file=("train.jsonl", lines), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(
        model=MODEL,
        training_file=training_file,
        extra_body={"argosy": {"max_steps": 2}},
        extra_headers=trace.headers,
    )
    served = ("gateway", "POST /v1/fine_tuning/jobs")
    create = ("trainer", "argosy.api.trainer.v1.TuningService/CreateJob")
    run = ("trainer", "run tuning job")
    publish = ("registry", "argosy.api.registry.v1.CatalogService/PublishAdapter")
    # What training used is an event too.
    consume = ("registry", "consume usage.recorded")
    spans = trace.spans(served, create, run, publish, consume)
    assert spans[served].parent_id == trace.parent
    assert spans[create].parent_id == spans[served].span_id
    assert spans[run].parent_id == spans[create].span_id
    assert spans[run].attributes["job_id"] == job.id
    assert spans[publish].parent_id == spans[run].span_id


@contextmanager
def occupied(client: openai.OpenAI) -> Iterator[Callable[[], None]]:
    """Hold the pool's one permit until the function that the block gets is called."""
    stream = client.chat.completions.create(
        model=MODEL, messages=PROMPT, max_tokens=2000, stream=True
    )
    next(iter(stream))
    try:
        yield stream.close
    finally:
        stream.close()
