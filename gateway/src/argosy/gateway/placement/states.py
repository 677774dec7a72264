"""Whether a model answers now, in three words, from what its engines are and do.

Ready: an engine of its pool is up and has not refused it. Creating: it will be, no engine of the
pool has been up yet. Fail: it cannot answer, for a reason that is told. Knows engines and refusals
of adapters. Does not know the runs that make models.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argosy.api.registry.v1.registry_pb2 import MODEL_KIND_EMBEDDING, Model
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.placement.adapters import Placement

_NO_POOL: Final = "Its base is not in the catalogue, or no pool's engine can load it."


class ModelState(StrEnum):
    """The platform's words for what becomes of a model."""

    READY = "Ready"
    CREATING = "Creating"
    FAIL = "Fail"


@dataclass(frozen=True, slots=True)
class Condition:
    """A model's state, and why it is not Ready."""

    state: ModelState
    reason: str = ""


class ModelStates:
    """Judges each model anew: engines come and go."""

    def __init__(self, fleet: Fleet, placement: Placement) -> None:
        self._fleet = fleet
        self._placement = placement

    def of(self, model: Model) -> Condition:
        """Return the model's state as this gateway sees it."""
        if not model.servable:
            return Condition(ModelState.FAIL, model.unservable_reason or _NO_POOL)
        if model.kind == MODEL_KIND_EMBEDDING and not model.pool:
            # The embedder serves it, and is asked when it is used.
            return Condition(ModelState.READY)
        replicas = self._fleet.replicas(model.pool)
        ready = [replica for replica in replicas if replica.ready]
        if not replicas:
            return Condition(ModelState.FAIL, f"The pool '{model.pool}' has no engine.")
        if not ready:
            first = replicas[0].reason
            if any(replica.seen for replica in replicas):
                reason = f"No engine of the pool '{model.pool}' answers: {first}"
                return Condition(ModelState.FAIL, reason)
            return Condition(
                ModelState.CREATING, f"The engines of the pool '{model.pool}' start: {first}"
            )
        if model.adapter_path and self._placement.refused(model, ready):
            return Condition(
                ModelState.FAIL,
                f"Every engine of the pool '{model.pool}' refused to load it; it is tried again.",
            )
        return Condition(ModelState.READY)
