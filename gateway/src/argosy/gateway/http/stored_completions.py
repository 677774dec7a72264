"""`/v1/chat/completions/…`: completions that were stored, and what people thought of them."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final

from argosy.api.registry.v1 import completions_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.dataset_asking import MAX_PAGE, IdOf
from argosy.gateway.http.paging import (
    Json,
    Page,
    flag_of,
    metadata_filter,
    page_of,
    page_request,
    query_of,
)
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.completions import CompletionsClient
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

_Completion: Final = IdOf(
    "Chat completion", "completion_id", re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
)


class NewMetadata(Struct, forbid_unknown_fields=True):
    metadata: Annotated[dict[str, str], Meta(max_length=16)] | None


class StoredCompletionsController(Controller):
    path = "/v1/chat/completions"

    @get()
    async def list_completions(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        completions: Given[CompletionsClient],
    ) -> Page:
        query = query_of(request, "after", "limit", "order", "model", "bad_cases")
        query.setdefault("order", "asc")
        asked = pb.ListCompletionsRequest(
            project_id=caller.project_id,
            page=page_request(query, maximum=MAX_PAGE, ordered=True),
            model=query.get("model", ""),
            metadata=metadata_filter(request),
            bad_cases=flag_of("bad_cases", query.get("bad_cases", "false")),
        )
        answer = await completions.ask(completions.service.ListCompletions, asked)
        return page_of([_json(c) for c in answer.completions], has_more=answer.has_more)

    @get("/{completion_id:str}")
    async def retrieve(
        self,
        caller: Given[Caller],
        completions: Given[CompletionsClient],
        completion_id: FromPath[str],
    ) -> Json:
        return _json(await _get(completions, caller, completion_id))

    @post("/{completion_id:str}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        completions: Given[CompletionsClient],
        completion_id: FromPath[str],
    ) -> Json:
        """Replace the metadata; `rating` in it, `up` or `down`, is what people thought."""
        body = await body_reader.json(request, NewMetadata)
        asked = pb.UpdateCompletionRequest(
            project_id=caller.project_id,
            completion_id=_Completion.checked(completion_id),
            metadata=body.metadata or {},
        )
        call = completions.service.UpdateCompletion
        return _json((await completions.ask(call, asked)).completion)

    @delete("/{completion_id:str}", status_code=200)
    async def remove(
        self,
        caller: Given[Caller],
        completions: Given[CompletionsClient],
        completion_id: FromPath[str],
    ) -> Json:
        asked = pb.DeleteCompletionRequest(
            project_id=caller.project_id, completion_id=_Completion.checked(completion_id)
        )
        await completions.ask(completions.service.DeleteCompletion, asked)
        return {"object": "chat.completion.deleted", "id": completion_id, "deleted": True}

    @get("/{completion_id:str}/messages")
    async def messages(
        self,
        caller: Given[Caller],
        completions: Given[CompletionsClient],
        completion_id: FromPath[str],
    ) -> Page:
        """Every message that was asked; they come on one page."""
        found = await _get(completions, caller, completion_id)
        data = [
            {"id": f"{found.id}-{index}", "name": None, **message}
            for index, message in enumerate(json.loads(found.messages))
        ]
        return page_of(data, has_more=False)


async def _get(
    completions: CompletionsClient, caller: Caller, completion_id: str
) -> pb.StoredCompletion:
    asked = pb.GetCompletionRequest(
        project_id=caller.project_id, completion_id=_Completion.checked(completion_id)
    )
    return (await completions.ask(completions.service.GetCompletion, asked)).completion


def _json(stored: pb.StoredCompletion) -> Json:
    """Return OpenAI's `chat.completion` with its metadata, and whether it looks like a bad case."""
    found: Json = json.loads(stored.completion)
    argosy = {"bad_case": stored.bad_case or None}
    return found | {"metadata": dict(stored.metadata), "argosy": argosy}
