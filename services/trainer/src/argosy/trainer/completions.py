"""Stored completions as the trainer sees them: what a model was asked of late.

Knows the registry's call. Decides nothing.
"""

from __future__ import annotations

import json
from typing import Any, Final

import grpc
from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.registry.v1 import completions_pb2, completions_pb2_grpc
from argosy.kit.rpc import calling
from argosy.trainer.domain.drift.requests import Request

_TIMEOUT: Final = 5.0
_PAGE: Final = 100
# The pair of a completion's metadata that tells what people thought.
_RATING: Final = "rating"


class StoredCompletions:
    """Reads them over one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._completions = completions_pb2_grpc.CompletionServiceStub(channel)

    async def recent(self, project_id: str, model: str, most: int) -> list[Request]:
        """Return what was asked last of a model, newest first. Raises `Unavailable`."""
        found: list[Request] = []
        after = ""
        while len(found) < most:
            page = PageRequest(after=after, limit=_PAGE)
            request = completions_pb2.ListCompletionsRequest(
                project_id=project_id, page=page, model=model
            )
            with calling("registry"):
                answer = await self._completions.ListCompletions(request, timeout=_TIMEOUT)
            found += [_request(stored) for stored in answer.completions]
            if not answer.has_more:
                break
            after = answer.completions[-1].id
        return found[:most]


def _request(stored: completions_pb2.StoredCompletion) -> Request:
    choices: list[dict[str, Any]] = json.loads(stored.completion).get("choices") or [{}]
    content = (choices[0].get("message") or {}).get("content")
    return Request.of(
        stored.id,
        json.loads(stored.messages),
        content if isinstance(content, str) else "",
        stored.metadata.get(_RATING, ""),
    )
