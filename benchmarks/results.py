"""The figures of one run: for each metric and target a value a round. Pure.

Knows names, values and their middle; does not know goals nor how a table looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.statistics import median

DIRECT: Final = "direct"
NGINX: Final = "nginx"
VLLM_ROUTER: Final = "vllm-router"
ARGOSY: Final = "argosy"
TARGETS: Final = (DIRECT, NGINX, VLLM_ROUTER, ARGOSY)


class Results:
    """Values by metric and target, in the order of the rounds."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = {}
        self.failures: list[str] = []

    def add(self, metric: str, target: str, value: float | None) -> None:
        """Add the value of one round; None is a value that could not be had."""
        values = self._values.setdefault(metric, {}).setdefault(target, [])
        if value is not None:
            values.append(value)

    def fail(self, what: str) -> None:
        """Note a run that gave no figures."""
        self.failures.append(what)

    def merge(self, other: Results) -> None:
        """Add all values and failures of another run."""
        self.failures += other.failures
        for metric, targets in other.as_json().items():
            for target, values in targets.items():
                for value in values:
                    self.add(metric, target, value)

    def median(self, metric: str, target: str) -> float | None:
        """Return the middle of the rounds' values, None if there are none."""
        return median(self._values.get(metric, {}).get(target, ()))

    @property
    def metrics(self) -> Sequence[str]:
        return list(self._values)

    def as_json(self) -> Mapping[str, Mapping[str, Sequence[float]]]:
        """Return all values, for a file."""
        return self._values
