"""The service `argosy.api.embedder.v1.EmbeddingService`: messages to use case and back.

Knows the wire form of a vector: float32, little endian.
"""

from __future__ import annotations

from typing import Any, Final

import grpc
from argosy.api.embedder.v1 import embedder_pb2, embedder_pb2_grpc
from argosy.embedder.usecases.embed import EmbedTexts

SERVICE_NAME: Final = embedder_pb2.DESCRIPTOR.services_by_name["EmbeddingService"].full_name


class EmbeddingServicer(embedder_pb2_grpc.EmbeddingServiceServicer):
    """Translates. A call that is cancelled or past its deadline is cancelled inside, too."""

    def __init__(self, embed: EmbedTexts) -> None:
        self._embed = embed

    async def Embed(
        self,
        request: embedder_pb2.EmbedRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> embedder_pb2.EmbedResponse:
        dimensions = request.dimensions if request.HasField("dimensions") else None
        result = await self._embed(request.model, request.input, dimensions)
        return embedder_pb2.EmbedResponse(
            embeddings=[vector.astype("<f4").tobytes() for vector in result.vectors],
            prompt_tokens=result.prompt_tokens,
        )
