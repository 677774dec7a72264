"""The composition root of the embedder: the only module that constructs adapters."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argosy.api.embedder.v1 import embedder_pb2_grpc
from argosy.embedder.backends.sentence_encoder import SentenceEncoder
from argosy.embedder.batcher import Batcher
from argosy.embedder.metrics import Metrics
from argosy.embedder.permits import Permits
from argosy.embedder.rpc import SERVICE_NAME, EmbeddingServicer
from argosy.embedder.settings import EmbedderSettings
from argosy.embedder.usecases.embed import EmbedTexts, Served
from argosy.embedder.usecases.limits import Limits
from argosy.kit.lifecycle import Runtime
from argosy.kit.rpc_server import serving

# Calls in flight get so long to end after a stop was asked for.
_DRAIN_SECONDS: Final = 3.0


async def main(runtime: Runtime[EmbedderSettings]) -> None:
    """Load the model, start the batches, open the port. Ready when it returns."""
    settings = runtime.settings
    metrics = Metrics(runtime.metrics, runtime.clock)
    executor = runtime.resources.enter_context(
        ThreadPoolExecutor(settings.threads, thread_name_prefix="embed")
    )
    backend = await asyncio.to_thread(SentenceEncoder.load)
    batcher = Batcher(backend, executor, metrics, batch_tokens=settings.batch_tokens)
    for number in range(settings.threads):
        runtime.background(batcher.run(), f"batches {number}")
    embed = EmbedTexts(
        {backend.model: Served(backend, batcher)},
        Limits(
            inputs=settings.max_inputs,
            input_bytes=settings.max_input_bytes,
            input_tokens=settings.max_input_tokens,
            request_tokens=settings.max_request_tokens,
        ),
        Permits(settings.max_held_inputs, metrics.held_inputs),
        executor,
        metrics,
    )
    server = await runtime.enter(
        serving(
            settings,
            runtime.health,
            lambda server: embedder_pb2_grpc.add_EmbeddingServiceServicer_to_server(
                EmbeddingServicer(embed), server
            ),
            [SERVICE_NAME],
        )
    )
    runtime.on_stop(lambda: server.stop(_DRAIN_SECONDS))
