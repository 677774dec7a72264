"""Asks a served model on the project's behalf: through the gateway, with a short-lived key.

What is used is the project's use, at the priority of batch work. Knows how a call is repeated. Does
not know what is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import openai
from argosy.kit.errors import InvalidRequest, Unavailable
from argosy.registry.datasets.worker.bench import Bench
from argosy.registry.metrics import Metrics
from argosy.registry.usecases.accounts_desk import Desk
from argosy.registry.usecases.accounts_keys import Keys
from argosy.registry.usecases.watch import Feed
from prometheus_client import CollectorRegistry

# A task of 5,000 calls on a small machine takes hours, not days.
_KEY_SECONDS: Final = 86_400
_CALL_SECONDS: Final = 300.0
_RETRIES: Final = 6


@dataclass(frozen=True, slots=True)
class Model:
    """A served model under its name, and how it is sampled."""

    client: openai.AsyncOpenAI
    name: str
    sampling: Mapping[str, Any]

    async def answers(self, messages: Sequence[Mapping[str, Any]], count: int = 1) -> list[str]:
        """Return `count` answers; raises InvalidRequest, or Unavailable when all retries failed."""
        found: list[str] = []
        while len(found) < count:
            found += await self._some(messages, count - len(found))
        return found[:count]

    async def _some(self, messages: Sequence[Mapping[str, Any]], count: int) -> list[str]:
        body = {"model": self.name, "messages": list(messages), "n": count, **self.sampling}
        try:
            answer = await self.client.post("/chat/completions", cast_to=object, body=body)
        except (
            openai.BadRequestError,
            openai.NotFoundError,
            openai.PermissionDeniedError,
        ) as error:
            raise InvalidRequest(
                f"The model {self.name} cannot be asked: {error.message}", param="model"
            ) from None
        except openai.APIError as error:
            raise Unavailable(
                f"The model {self.name} does not answer: {error.message}",
                code="model_unavailable",
            ) from None
        choices = answer["choices"]  # type: ignore[index]  # the SDK's type of raw JSON
        return [choice["message"].get("content") or "" for choice in choices]


@asynccontextmanager
async def model(bench: Bench, name: str, sampling: Mapping[str, Any]) -> AsyncIterator[Model]:
    """Open a model for the time of the block; raises Unavailable if there is no gateway to ask."""
    url = bench.settings.gateway_url
    if not url:
        raise Unavailable(
            "The registry does not know the gateway's address: set ARGOSY_GATEWAY_URL.",
            code="gateway_unknown",
        )
    # Gateways ask for a key that they have not heard of: nobody needs to be woken.
    feed = Feed(bench.database, 1.0, Metrics(CollectorRegistry()))
    keys = Keys(
        Desk(bench.database, feed, bench.clock),
        bench.settings.key_pepper.get_secret_value().encode(),
    )
    made = await keys.mint(
        bench.task.project_id, f"{bench.task.type} {bench.task.id}", _KEY_SECONDS
    )
    client = openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key=made.secret, timeout=_CALL_SECONDS, max_retries=_RETRIES
    )
    async with client:
        yield Model(client, name, sampling)
