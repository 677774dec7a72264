"""Pools, their engines, and the adapters on them."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board, Graph, Query

_LOAD: Final = "argosy_gateway_adapter_load_seconds"

# Every gateway sees the same engines; the largest is what the best informed one says.
BOARD: Final = Board(
    name="pools",
    title="Pools and adapters",
    rows=(
        (
            "Engines",
            (
                Graph(
                    "Engines ready",
                    "short",
                    (
                        Query(
                            "sum by (pool) (max by (pool, replica) (argosy_gateway_replica_ready))",
                            "{{pool}}",
                        ),
                    ),
                ),
                Graph(
                    "Engines set aside",
                    "short",
                    (
                        Query("max by (pool) (argosy_gateway_replicas_ejected)", "{{pool}}, now"),
                        Query(
                            "sum by (pool) (increase(argosy_gateway_ejections_total[1h]))",
                            "{{pool}}, times in the last hour",
                        ),
                    ),
                ),
                Graph(
                    "KV cache in use",
                    "percentunit",
                    (
                        Query(
                            "max by (pool, replica) (argosy_gateway_replica_kv_cache_ratio)",
                            "{{pool}} {{replica}}",
                        ),
                    ),
                ),
                Graph(
                    "Requests in the engines",
                    "short",
                    (
                        Query(
                            "max by (pool, replica, state) (argosy_gateway_replica_requests)",
                            "{{replica}} {{state}}",
                        ),
                    ),
                ),
                Graph(
                    "Permits held",
                    "short",
                    (Query("sum by (pool) (argosy_gateway_permits_in_flight)", "{{pool}}"),),
                ),
                Graph(
                    "Waiting for a permit",
                    "short",
                    (Query("sum by (pool) (argosy_gateway_queued_requests)", "{{pool}}"),),
                ),
            ),
        ),
        (
            "Adapters",
            (
                Graph(
                    "Adapters resident",
                    "short",
                    (
                        Query(
                            "max by (pool, replica) (argosy_gateway_adapters_resident)",
                            "{{pool}} {{replica}}",
                        ),
                    ),
                ),
                Graph(
                    "Loads and evictions",
                    "short",
                    (
                        Query(
                            "sum by (pool, result) "
                            "(rate(argosy_gateway_adapter_loads_total[$__rate_interval]))",
                            "{{pool}} {{result}}",
                        ),
                        Query(
                            "sum by (pool) "
                            "(rate(argosy_gateway_adapter_unloads_total[$__rate_interval]))",
                            "{{pool}} evicted",
                        ),
                    ),
                    description="A second.",
                ),
                Graph(
                    "Time of a load",
                    "s",
                    (
                        Query(
                            f"sum(rate({_LOAD}_sum[$__rate_interval])) / "
                            f"sum(rate({_LOAD}_count[$__rate_interval]))",
                            "mean",
                        ),
                        Query(
                            "histogram_quantile(0.95, sum by (le) "
                            f"(rate({_LOAD}_bucket[$__rate_interval])))",
                            "p95",
                        ),
                    ),
                ),
                Graph(
                    "Waiting for an adapter's slot",
                    "short",
                    (Query("sum(argosy_gateway_adapter_waiting)", "requests"),),
                    width=12,
                ),
                Graph(
                    "Adapters published",
                    "short",
                    (
                        Query(
                            "sum by (outcome) (increase(argosy_registry_publishes_total[1h]))",
                            "{{outcome}}",
                        ),
                    ),
                    description="In the last hour.",
                    width=12,
                ),
            ),
        ),
    ),
)
