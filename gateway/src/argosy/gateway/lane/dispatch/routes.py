"""Names that stand for other models: aliases, weighted splits (canaries) and fallbacks.

Knows a route's targets and which failures another model can make good. Does not know how a model is
asked; `exchange.py` does, one after the other in the order given here.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from argosy.api.registry.v1.registry_pb2 import Route
from argosy.gateway.errors import Draining, EngineFailed, QueueFull, UpstreamMalformed
from argosy.kit.errors import ApiError, NotFound, Unavailable

T = TypeVar("T")

# Nothing serves the model now, it has too much to do, it fails, or it is gone.
_ANOTHER_MAY: Final = (Unavailable, QueueFull, EngineFailed, UpstreamMalformed, NotFound)


def order(route: Route, project_id: str, sticky: str | None, rng: random.Random) -> list[str]:
    """Return the ids of the models to ask: the target drawn by weight, then the fallbacks.

    `sticky` is what tells the client's users apart, where it does: one user stays with one target
    as long as the weights stay, at every gateway.
    """
    draw = rng.random() if sticky is None else _point(route.name, project_id, sticky)
    chosen = _drawn(route, draw)
    names = [] if chosen is None else [chosen]
    return [*names, *(name for name in route.fallbacks if name != chosen)]


async def in_turn(
    names: Sequence[str],
    serve: Callable[[str], Awaitable[T]],
    *,
    begun: Callable[[], bool],
    passed_over: Callable[[], None],
) -> T:
    """Return what the first model that can serve gives.

    Raises the last one's error; also another one's that no other model would mend, or that came
    after the client got something. `passed_over` is called each time that the next one is asked.
    """
    *others, last = names
    for name in others:
        try:
            return await serve(name)
        except _ANOTHER_MAY as error:
            if begun() or isinstance(error, Draining):
                raise
            passed_over()
    return await serve(last)


def empty(route: Route) -> ApiError:
    """Return the error for a route that leads nowhere."""
    return Unavailable(
        f"The route {route.name!r} has no target with a weight above 0 and no fallback. Ask the "
        "operator of this server to give it one, or call a model by its own name.",
        code="route_without_target",
    )


def _drawn(route: Route, draw: float) -> str | None:
    """Return the target at `draw`, from 0 to 1, of the targets laid end to end by weight."""
    left = draw * sum(target.weight for target in route.targets)
    for target in route.targets:
        left -= target.weight
        if left < 0:
            return target.model_id
    # Rounding may leave a rest behind the last one.
    return next((t.model_id for t in reversed(route.targets) if t.weight > 0), None)


def _point(*parts: str) -> float:
    """Return a number from 0 to 1 that depends on the parts only, in every process."""
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64
