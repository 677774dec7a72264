"""`/v1/embeddings` where no embedder stands behind the gateway: only pools embed, by the lane."""

from __future__ import annotations

from typing import Any

from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.embeddings_request import no_embedding_model, read_embedding
from argosy.gateway.http.ports import Given, Models
from litestar import Controller, Request, post


class NoEmbedderController(Controller):
    path = "/v1/embeddings"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        models: Given[Models],
    ) -> None:
        """Say what is wrong with a request that the lane did not take."""
        asked, _ = read_embedding(await body_reader.read(request))
        model = await models.find(caller.project_id, asked.model)
        raise no_embedding_model(model.id, caller, models)
