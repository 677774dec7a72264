"""Routes: what clients get when they call a name. Knows names and weights, not who can serve."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One of a route's models; `weight` is its part of the requests relative to the others."""

    model_id: str
    weight: float


@dataclass(frozen=True, slots=True)
class Route:
    """A name for several models. `fallbacks` are tried in order where the chosen one cannot serve.

    `project_id` is empty for a route that all may call.
    """

    name: str
    project_id: str
    targets: tuple[Target, ...]
    fallbacks: tuple[str, ...]
