"""`/v1/embeddings`: texts in, vectors out, by the embedder.

The lane keeps what an engine of a pool answers; the rest comes here.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

from argosy.api.embedder.v1.embedder_pb2 import EmbedResponse
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.estimate import estimated_tokens
from argosy.gateway.access.keys import Caller
from argosy.gateway.access.limits import Limits
from argosy.gateway.errors import Outcome, outcome
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.embeddings_request import no_embedding_model, read_embedding
from argosy.gateway.http.ports import Given, Models, RecordUsage
from argosy.gateway.metering.usage import Usage
from argosy.gateway.served_model import ServedModel
from argosy.gateway.upstream.embedding import EmbeddingClient
from argosy.kit import logs, tracing
from argosy.kit.clock import Clock
from argosy.kit.errors import ApiError
from litestar import Controller, Request, Response, post

Json = dict[str, Any]


class EmbeddingsController(Controller):
    path = "/v1/embeddings"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        models: Given[Models],
        embedding: Given[EmbeddingClient],
        record_usage: Given[RecordUsage],
        clock: Given[Clock],
        limits: Given[Limits],
    ) -> Response[Json]:
        begun = clock.monotonic()
        asked, texts = read_embedding(await body_reader.read(request))
        model = await models.find(caller.project_id, asked.model)
        if model.kind != pb.MODEL_KIND_EMBEDDING:
            raise no_embedding_model(model.id, caller, models)
        # Tokens are the embedder's to count; until then a byte in four is one, as in the lane.
        size = sum(len(text.encode()) for text in texts)

        def record(ended: Outcome, tokens: int) -> None:
            record_usage(
                Usage(
                    project_id=caller.project_id,
                    key_id=caller.key_id,
                    model=model.id,
                    request_id=logs.request_id.get(),
                    operation="embedding",
                    outcome=ended,
                    input_tokens=tokens,
                    output_tokens=0,
                    cached_input_tokens=0,
                    estimated=False,
                    seconds=clock.monotonic() - begun,
                    traceparent=tracing.traceparent(),
                )
            )

        try:
            most = estimated_tokens(size // 4 + 1, 0, 1, 0)
            reservation = limits.reserve(caller, ServedModel(model), most)
            headers = reservation.headers()
            try:
                answer = await embedding.embed(model.id, texts, asked.dimensions)
            except BaseException:
                reservation.cancel()
                raise
        except ApiError as error:
            record(outcome(error), 0)
            raise
        reservation.settle(answer.prompt_tokens, 0, 0)
        record(Outcome.OK, answer.prompt_tokens)
        body = embedding_json(model.id, answer, as_base64=asked.encoding_format == "base64")
        told = {name.decode(): value.decode() for name, value in headers}
        return Response(body, status_code=200, headers=told)


def embedding_json(model_id: str, answer: EmbedResponse, *, as_base64: bool) -> Json:
    """Return OpenAI's list of embeddings.

    base64 is what the SDK asks for by itself: the float32 bytes, little endian, as they are.
    """
    vectors: list[Any] = [
        base64.b64encode(raw).decode() if as_base64 else struct.unpack(f"<{len(raw) // 4}f", raw)
        for raw in answer.embeddings
    ]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "model": model_id,
        "usage": {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens},
    }
