"""Vectors, at the embedder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import grpc
from argosy.api.embedder.v1 import embedder_pb2 as pb
from argosy.api.embedder.v1.embedder_pb2_grpc import EmbeddingServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "embedder"


class EmbeddingClient:
    """Calls of `EmbeddingService`; each waits at most `timeout` seconds."""

    def __init__(self, channel: grpc.aio.Channel, *, timeout: float) -> None:
        self._stub = EmbeddingServiceStub(channel)
        self._timeout = timeout

    async def embed(
        self, model: str, texts: Sequence[str], dimensions: int | None
    ) -> pb.EmbedResponse:
        """Return one vector a text, float32 little endian, and the tokens that it took."""
        request = pb.EmbedRequest(model=model, input=texts, dimensions=dimensions)
        with calling(_SERVICE):
            return await self._stub.Embed(request, timeout=self._timeout)
