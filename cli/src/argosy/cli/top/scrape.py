"""Asks processes for their metrics, all at once. Knows Prometheus's text, not what it means."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_SECONDS: Final = 2.0

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """One process at one moment: values by name and labels. `up` is false if it did not answer."""

    at: float
    up: bool = True
    values: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)

    def series(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield each series of a metric."""
        for labels, value in self.values.get(name, {}).items():
            yield dict(labels), value


class Scraper:
    """`urls`: where each process shows its metrics, by name."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._pool = ThreadPoolExecutor(max(1, len(urls)), thread_name_prefix="scrape")
        self.urls = urls

    def look(self) -> dict[str, Sample]:
        """Ask every process; takes no longer than the slowest one may."""
        return dict(zip(self.urls, self._pool.map(_look, self.urls.values()), strict=True))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)


def parse(text: str, at: float) -> Sample:
    """Return what an exposition says."""
    values: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            values.setdefault(sample.name, {})[labels] = sample.value
    return Sample(at, True, values)


def _look(url: str) -> Sample:
    try:
        # Its scheme was looked at by whoever gave it.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return parse(answer.read().decode(), time.monotonic())
    except (OSError, urllib.error.URLError, ValueError):
        return Sample(time.monotonic(), up=False)
