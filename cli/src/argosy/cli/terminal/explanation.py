"""The answer of `/v1/argosy/explain` as lines of text: routes, models, replicas, scores."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def as_lines(answer: Json) -> list[str]:
    """Return what `argosy explain` prints."""
    lines: list[str] = []
    if (route := answer["route"]) is not None:
        shares = ", ".join(f"{t['share']:.0%} {t['model']}" for t in route["targets"])
        lines.append(f"route {route['name']}: {shares or 'no targets'}")
        lines.append(f"  fallbacks: {', '.join(route['fallbacks']) or 'none'}")
    for model in answer["models"]:
        lines += _model(model)
    return lines


def _model(model: Json) -> list[str]:
    if "error" in model:
        return [f"model {model['model']}: {model['error']}"]
    base = f" on {model['base']}" if model["base"] else ""
    lines = [f"model {model['model']}{base}, pool {model['pool'] or 'none'}"]
    weights = ", ".join(f"{name} {weight:g}" for name, weight in model["weights"].items())
    lines.append(f"  weights: {weights}")
    best = sorted(model["replicas"], key=lambda r: (not r["usable"], -r["total"]))
    for replica in best:
        lines += _replica(replica)
    if not best:
        lines.append("  no replicas")
    if model["placement"] is not None:
        lines.append(f"  adapter: {model['placement']}")
    return lines


def _replica(replica: Json) -> list[str]:
    refused = [f"refused by {name}" for name in replica["refused_by"]]
    refused += [f"avoided by {name}" for name in replica["avoided_by"]]
    if replica["reason"]:
        refused.append(replica["reason"])
    scores = ", ".join(f"{name} {score:.3f}" for name, score in replica["scores"].items())
    load = f"{replica['in_flight']} in flight, {replica['running']} running"
    return [
        f"  {replica['replica']}  total {replica['total']:.3f}  {'; '.join(refused)}".rstrip(),
        f"    {scores}",
        f"    {load}, {replica['waiting']} waiting, cache {replica['kv_cache_usage']:.0%} used",
    ]
