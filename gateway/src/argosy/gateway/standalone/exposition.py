"""The metrics of several workers as one exposition.

Knows how to add series up. Counters and histograms add; so do gauges, since each worker counts its
own requests, but those that tell a state of an engine or of the whole (`…_ready`, `…_ratio`), which
every worker sees for itself: of them the largest counts.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from argosy.kit.addresses import HostPort
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

_TIMEOUT_SECONDS: Final = 2.0
# The parent has these of its own; a sum of memory or of start times over processes means nothing.
_OWN: Final = ("process_", "python_")
_STATES: Final = ("_ready", "_degraded", "_ratio", "_replica_requests", "_adapters_resident")

Series = tuple[str, tuple[tuple[str, str], ...]]


class WorkersCollector(Collector):
    """Asks the workers at each scrape. One that does not answer is left out."""

    def __init__(self, addresses: Sequence[HostPort]) -> None:
        self._addresses = addresses

    def collect(self) -> Iterable[Metric]:
        """Return the workers' families, added up."""
        return add_up(text for text in map(_scrape, self._addresses) if text)


def add_up(expositions: Iterable[str]) -> Iterator[Metric]:
    """Yield one family for each name that occurs, with each series once."""
    families: dict[str, Metric] = {}
    values: dict[str, dict[Series, float]] = {}
    for text in expositions:
        for family in text_string_to_metric_families(text):
            if family.name.startswith(_OWN):
                continue
            merged = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            series = values.setdefault(merged.name, {})
            join: Callable[[float, float], float] = (
                max if family.name.endswith(_STATES) else float.__add__
            )
            for sample in family.samples:
                # When a series began differs by worker, and none of the times is the sum's.
                if sample.name.endswith("_created"):
                    continue
                key = sample.name, tuple(sorted(sample.labels.items()))
                series[key] = join(series[key], sample.value) if key in series else sample.value
    for name, family in families.items():
        for (sample_name, labels), value in values[name].items():
            family.add_sample(sample_name, dict(labels), value)
        yield family


def _scrape(address: HostPort) -> str:
    try:
        with urllib.request.urlopen(
            f"http://{address}/metrics", timeout=_TIMEOUT_SECONDS
        ) as answer:
            text: str = answer.read().decode()
            return text
    except (OSError, urllib.error.URLError):
        return ""
