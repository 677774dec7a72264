"""Short-lived keys of a project, to ask the gateway on its behalf as any client does.

Knows the registry's call. What is used with a key is the project's use.
"""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.registry.v1 import accounts_pb2, accounts_pb2_grpc
from argosy.kit.rpc import calling
from argosy.trainer.worker.graders.gateway import Gateway

_TIMEOUT: Final = 5.0
_SHORTEST: Final = 600
_LONGEST: Final = 7 * 24 * 3600


class TaskKeys:
    """Mints keys over one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._accounts = accounts_pb2_grpc.AccountServiceStub(channel)

    async def gateway(
        self, project_id: str, purpose: str = "grader", seconds: int = _SHORTEST
    ) -> Gateway:
        """Return the gateway with a key for it. Raises `Unavailable`."""
        request = accounts_pb2.MintTaskKeyRequest(
            project_id=project_id, purpose=purpose, ttl_seconds=min(seconds, _LONGEST)
        )
        with calling("registry"):
            made = await self._accounts.MintTaskKey(request, timeout=_TIMEOUT)
        return Gateway(f"{made.gateway_url.rstrip('/')}/v1", made.secret)
