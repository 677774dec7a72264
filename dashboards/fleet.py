"""The whole fleet at a glance: is it up, is it used, does it fail, what does it cost."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board, Graph, Number, Query

_TOKENS: Final = (
    "sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_sum[$__rate_interval]))"
)

BOARD: Final = Board(
    name="fleet",
    title="Fleet",
    rows=(
        (
            "Now",
            (
                Number("Processes up", "short", 'sum(up{job=~".+"})'),
                Number(
                    "Requests",
                    "reqps",
                    "sum(rate(argosy_gateway_requests_total[$__rate_interval]))",
                    decimals=1,
                ),
                Number(
                    "Failed, last hour",
                    "percentunit",
                    "argosy:requests_failed:ratio_rate1h",
                    "What failed by the fleet's fault, of what it could have served.",
                ),
                Number(
                    "First token, p95",
                    "s",
                    "argosy:time_to_first_token_seconds:p95_5m",
                    decimals=2,
                ),
                Number(
                    "Output tokens a second",
                    "short",
                    'argosy:tokens:rate5m{gen_ai_token_type="output"}',
                ),
                Number(
                    "Cost of today",
                    "short",
                    "sum(max by (project_id, model) (argosy_registry_day_cost_micros)) / 1e6",
                    "Since midnight UTC, in the registry's currency.",
                    decimals=2,
                ),
            ),
        ),
        (
            "Requests",
            (
                Graph(
                    "Requests by operation",
                    "reqps",
                    (
                        Query(
                            "sum by (operation) "
                            "(rate(argosy_gateway_requests_total[$__rate_interval]))",
                            "{{operation}}",
                        ),
                    ),
                    stacked=True,
                ),
                Graph(
                    "Requests by outcome",
                    "reqps",
                    (
                        Query(
                            "sum by (outcome) "
                            "(rate(argosy_gateway_requests_total[$__rate_interval]))",
                            "{{outcome}}",
                        ),
                    ),
                    stacked=True,
                ),
                Graph("Tokens by kind", "short", (Query(_TOKENS, "{{gen_ai_token_type}}"),)),
                Graph(
                    "Under way and waiting",
                    "short",
                    (
                        Query("sum(argosy_gateway_requests_in_flight)", "under way"),
                        Query("sum(argosy_gateway_queued_requests)", "waiting for a permit"),
                        Query("sum(argosy_gateway_adapter_waiting)", "waiting for an adapter"),
                    ),
                ),
                Graph(
                    "Failed requests, share",
                    "percentunit",
                    (
                        Query("argosy:requests_failed:ratio_rate5m", "5 min"),
                        Query("argosy:requests_failed:ratio_rate1h", "1 h"),
                    ),
                    description="Against the objective of 99.9 %: 0.001 is what may fail.",
                ),
                Graph(
                    "Refused for a limit",
                    "reqps",
                    (
                        Query(
                            "sum by (limit, who) "
                            "(rate(argosy_gateway_limited_requests_total[$__rate_interval]))",
                            "{{limit}} of the {{who}}",
                        ),
                    ),
                ),
            ),
        ),
        (
            "Processes",
            (
                Graph("Up", "short", (Query("up", "{{instance}}"),)),
                Graph(
                    "Restarts in the last hour",
                    "short",
                    (Query("changes(process_start_time_seconds[1h])", "{{instance}}"),),
                ),
                Graph(
                    "Serving from memory",
                    "short",
                    (Query("argosy_gateway_degraded", "{{instance}}"),),
                    description="1 while a gateway does not reach the registry.",
                ),
            ),
        ),
    ),
)
