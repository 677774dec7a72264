"""What the registry counts of data sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class DatasetMetrics:
    """Series of data tasks; types and outcomes are closed lists."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tasks = Counter(
            "argosy_registry_data_tasks",
            "Data tasks that ended, by type and outcome.",
            ["type", "outcome"],
            registry=registry,
        )
        self.crashes = Counter(
            "argosy_registry_data_child_crashes",
            "Children of data tasks that ended without a word.",
            registry=registry,
        )
