"""All dashboards, and each as the text of its file. Knows the list, not what is on them."""

from __future__ import annotations

from typing import Final

from dashboards import cost, fleet, latency, pools, services, tuning
from dashboards.board import Board

ALL: Final[tuple[Board, ...]] = (
    fleet.BOARD,
    latency.BOARD,
    cost.BOARD,
    pools.BOARD,
    tuning.BOARD,
    services.BOARD,
)


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {f"{board.name}.json": board.text() for board in ALL}
