"""Keeps the ledger: each use once, however often its event arrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Final

from argosy.api.events.v1.events_pb2 import Event
from argosy.kit.db import Database
from argosy.kit.errors import NotFound
from argosy.registry.domain.paging import page
from argosy.registry.domain.usage import Usage
from argosy.registry.metrics import Metrics
from argosy.registry.store import ledger

CONSUMER: Final = "registry-usage"
_DEFAULT_PAGE: Final = 100
_MAX_PAGE: Final = 1000


class Ledger:
    """The use cases of usage."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics

    async def record(self, events: Sequence[Event]) -> None:
        """Count `usage.recorded` events; a repeat changes nothing.

        The ledger's own rows tell a repeat, however long ago the first time was.
        """
        async with self._database.begin() as connection:
            added = await ledger.add(connection, [_use(event) for event in events])
        self._metrics.usage_events.labels("counted").inc(added)
        self._metrics.usage_events.labels("repeated").inc(len(events) - added)

    async def list(
        self, project_id: str, after: str, limit: int, *, ascending: bool
    ) -> tuple[list[Usage], bool]:
        """Return a page of uses and whether more follow.

        Raises RuleBroken for a limit out of range, NotFound for an unknown `after`.
        """
        wanted = page(after, limit, ascending=ascending, default=_DEFAULT_PAGE, maximum=_MAX_PAGE)
        async with self._database.begin() as connection:
            found = await ledger.page(connection, project_id, wanted)
        if found is None:
            raise NotFound(f"No such usage entry: {after[:64]}", param="after")
        return found


def _use(event: Event) -> Usage:
    told = event.usage_recorded
    return Usage(
        id=event.id,
        occurred_at=event.occurred_at.ToDatetime(tzinfo=UTC),
        project_id=event.project_id,
        key_id=told.key_id,
        user_id=told.user_id,
        model=told.model,
        request_id=told.request_id,
        operation=told.operation,
        outcome=told.outcome,
        batch=told.batch,
        input_tokens=told.input_tokens,
        output_tokens=told.output_tokens,
        cached_input_tokens=told.cached_input_tokens,
        training_tokens=told.training_tokens,
        estimated=told.estimated,
        duration_ms=told.duration_ms,
        first_token_ms=told.first_token_ms,
    )
