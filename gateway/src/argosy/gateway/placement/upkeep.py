"""Brings adapters before anybody asks: what was just published, and what shall stay.

Knows which models are new and which are pinned (`Model.pinned_replicas`). Where they go is decided
as for requests, and only into room that no request needs. An engine replaces idle adapters by its
own rule, so a pinned one is protected by sending no load where it would be the next to go, and
brought back when an engine was started anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Final

from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.placement.adapters import Placement
from argosy.kit.clock import Clock

# A model that is older than this when it is first heard of was not just published.
NEW: Final = timedelta(seconds=60)


class Upkeep:
    """Hears of models; `run` keeps the pinned ones where they shall be."""

    def __init__(self, placement: Placement, clock: Clock, *, seconds: float = 5.0) -> None:
        self._placement = placement
        self._clock = clock
        self._seconds = seconds
        self._pinned: dict[str, Model] = {}
        self._fresh: dict[str, Model] = {}
        self._news = asyncio.Event()

    def learned(self, model: Model) -> None:
        """A model is new, or changed."""
        if not model.adapter_path:
            return
        self._pinned.pop(model.id, None)
        self._placement.keep(model)
        if model.pinned_replicas:
            self._pinned[model.id] = model
            self._news.set()
        elif self._clock.now() - model.created_at.ToDatetime(self._clock.now().tzinfo) < NEW:
            self._fresh[model.id] = model
            self._news.set()

    def removed(self, model_id: str) -> None:
        """A model is gone."""
        self._pinned.pop(model_id, None)
        self._fresh.pop(model_id, None)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._news.clear()
            await self.once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._news.wait()

    async def once(self) -> None:
        """Bring what is new and what is missing, as far as there is room."""
        fresh, self._fresh = self._fresh, {}
        wanted = [(model, 1) for model in fresh.values()]
        wanted += [(model, model.pinned_replicas) for model in self._pinned.values()]
        for model, copies in wanted:
            await self._placement.spread(model, copies)
