"""How a request is routed, in words: for `argosy explain` and for the admins' debug header.

Knows what policies say and what a replica is now. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.replica import Replica
from argosy.gateway.routing.policy import Ask
from argosy.gateway.routing.router import Router
from argosy.gateway.routing.verdict import Verdict


def explained(
    model: Model,
    router: Router,
    replicas: Sequence[Replica],
    ask: Ask,
    placed: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return all that decides where a request for the model goes, as JSON's types.

    `placed` is what placement says of an adapter, None for a base model.
    """
    verdicts = router.explain(replicas, ask)
    return {
        "model": model.id,
        "base": model.base or None,
        "pool": model.pool,
        "weights": dict(router.weights),
        "replicas": [
            _replica(replica, verdict, ask.now)
            for replica, verdict in zip(replicas, verdicts, strict=True)
        ],
        "placement": placed,
    }


def _replica(replica: Replica, verdict: Verdict, now: float) -> dict[str, Any]:
    gauges = replica.gauges
    return {
        "replica": replica.url,
        "usable": not verdict.refused_by,
        "refused_by": list(verdict.refused_by),
        "avoided_by": list(verdict.avoided_by),
        "reason": None if replica.ready else replica.reason,
        "total": round(verdict.total, 3),
        "scores": {name: round(score, 3) for name, score in verdict.scores.items()},
        "in_flight": replica.in_flight,
        "running": gauges.running,
        "waiting": gauges.waiting,
        "kv_cache_usage": round(gauges.kv_cache_usage, 3),
        "failure_share": round(replica.ejection.failure_share(now), 3),
        "ejected_seconds": round(max(0.0, replica.ejection.until - now), 1),
        "busy_seconds": round(max(0.0, replica.busy_until - now), 1),
        "engine": replica.dialect.name,
        "engine_names": list(replica.card.names),
        "context_length": replica.card.context_length,
    }


def route_header(replica: Replica, verdicts: Sequence[Verdict]) -> bytes:
    """Return the value of `x-argosy-route`: who was chosen, and what was said of each."""
    said = ", ".join(f"{verdict.url} {verdict.line()}" for verdict in verdicts)
    text = f"replica={replica.url}; scores={said}"
    return (text if text.isprintable() else repr(text)).encode("ascii", "backslashreplace")
