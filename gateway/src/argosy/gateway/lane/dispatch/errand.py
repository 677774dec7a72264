"""One request on its way from replica to replica: what it asks, for whom, and where it has been.

Knows nothing of how the next replica is found.
"""

from __future__ import annotations

from argosy.gateway.engines.replica import Replica
from argosy.gateway.lane.dispatch.pool_way import PoolWay
from argosy.gateway.lane.request.completion import CompletionRequest
from argosy.gateway.served_model import ServedModel


class Sender:
    """For whom a request is routed: equal prompts of one project share an engine's cache.

    Who is `curious` wants to know how it was decided.
    """

    __slots__ = ("curious", "priority", "project_id")

    def __init__(self, project_id: str = "", priority: int = 0, curious: bool = False) -> None:
        self.project_id = project_id
        self.priority = priority
        self.curious = curious


class Errand:
    """Lives as long as `Dispatcher.open`. `tried` are the replicas that failed it."""

    __slots__ = (
        "adapted", "asked", "explanation", "headers", "model", "prompt", "request", "sender",
        "tried", "way",
    )  # fmt: skip

    def __init__(
        self,
        model: ServedModel,
        request: CompletionRequest,
        headers: bytes,
        sender: Sender,
        way: PoolWay,
    ) -> None:
        self.model = model
        # It needs an adapter.
        self.adapted = model.adapted
        self.request = request
        self.headers = headers
        self.sender = sender
        self.way = way
        self.prompt = way.prompt(sender.project_id, request)
        self.tried: list[Replica] = []
        self.asked = False
        self.explanation = b""
