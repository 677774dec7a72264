"""The services, the event stream between them, and what the processes themselves use."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board, Graph, Query

BOARD: Final = Board(
    name="services",
    title="Services and streams",
    rows=(
        (
            "Event stream",
            (
                Graph(
                    "Outbox: events not sent yet",
                    "short",
                    (Query("argosy_outbox_pending_events", "{{instance}}"),),
                ),
                Graph(
                    "Outbox: age of the oldest",
                    "s",
                    (Query("argosy_outbox_lag_seconds", "{{instance}}"),),
                ),
                Graph(
                    "Connected to the stream",
                    "short",
                    (Query("argosy_bus_connected", "{{instance}}"),),
                ),
                Graph(
                    "Consumers: events not handed over yet",
                    "short",
                    (
                        Query(
                            "max by (consumer) (argosy_bus_consumer_pending_events)", "{{consumer}}"
                        ),
                    ),
                ),
                Graph(
                    "Consumers: how far behind",
                    "s",
                    (Query("max by (consumer) (argosy_bus_consumer_lag_seconds)", "{{consumer}}"),),
                ),
                Graph(
                    "Dead letters in the last hour",
                    "short",
                    (
                        Query(
                            "sum by (consumer) (increase(argosy_bus_dead_letters_total[1h]))",
                            "{{consumer}}",
                        ),
                    ),
                ),
            ),
        ),
        (
            "Registry",
            (
                Graph(
                    "Age of the gateways' catalogue",
                    "s",
                    (Query("argosy_gateway_snapshot_staleness_seconds", "{{instance}}"),),
                ),
                Graph(
                    "Catalogue",
                    "short",
                    (
                        Query("max(argosy_registry_catalog_revision)", "newest revision"),
                        Query("sum(argosy_registry_watchers)", "watchers"),
                    ),
                ),
                Graph(
                    "Uploads in the last hour",
                    "short",
                    (
                        Query(
                            "sum by (outcome) (increase(argosy_registry_uploads_total[1h]))",
                            "{{outcome}}",
                        ),
                    ),
                ),
            ),
        ),
        (
            "Processes",
            (
                Graph(
                    "CPU",
                    "percentunit",
                    (Query("rate(process_cpu_seconds_total[$__rate_interval])", "{{instance}}"),),
                ),
                Graph(
                    "Memory",
                    "bytes",
                    (Query("process_resident_memory_bytes", "{{instance}}"),),
                ),
                Graph(
                    "Open files",
                    "short",
                    (Query("process_open_fds", "{{instance}}"),),
                ),
                Graph(
                    "Tasks of the event loop",
                    "short",
                    (Query("argosy_process_tasks", "{{instance}}"),),
                    width=12,
                ),
                Graph(
                    "Restarts in the last hour",
                    "short",
                    (Query("changes(process_start_time_seconds[1h])", "{{instance}}"),),
                    width=12,
                ),
            ),
        ),
    ),
)
