"""What the day costs, whose it is, and the tokens that it is paid for.

Costs are the registry's own sums, so a panel and a report agree. Prices: `docs/usage.md`.
"""

from __future__ import annotations

from typing import Final

from dashboards.board import Board, Choice, Graph, Number, Query

# Every replica of the registry says the same.
_TODAY: Final = (
    'max by (project_id, model) (argosy_registry_day_cost_micros{project_id=~"$project"}) / 1e6'
)
_HOUR: Final = 'argosy:cost:per_hour{project_id=~"$project"}'
_NOBODYS: Final = 'max by (pool, kind) (argosy_registry_unattributed_tokens{kind!="cached_input"})'
_USAGE: Final = "rate(gen_ai_client_token_usage_sum[$__rate_interval])"

BOARD: Final = Board(
    name="cost",
    title="Cost",
    choices=(Choice("project", "argosy_registry_day_cost_micros", "project_id"),),
    rows=(
        (
            "Today, since midnight UTC",
            (
                Number("Cost", "short", f"sum({_TODAY})", decimals=2),
                Number("Cost an hour", "short", f"sum({_HOUR})", decimals=2),
                Number(
                    "Projects with cost",
                    "short",
                    f"count(sum by (project_id) ({_TODAY}) > 0) or vector(0)",
                ),
                Number("Tokens trained", "short", "sum(argosy_trainer_tokens_total)"),
                Number(
                    "Tokens for nobody",
                    "short",
                    f"sum({_NOBODYS}) or vector(0)",
                    description="Engines made these today, and nobody was billed for them.",
                ),
            ),
        ),
        (
            "Cost",
            (
                Graph(
                    "Cost of today by project",
                    "short",
                    (Query(f"sum by (project_id) ({_TODAY})", "{{project_id}}"),),
                    stacked=True,
                ),
                Graph(
                    "Cost of today by model",
                    "short",
                    (Query(f"sum by (model) ({_TODAY})", "{{model}}"),),
                    stacked=True,
                    description="An idle pool's hardware is under the pool's name.",
                ),
                Graph(
                    "Cost an hour by model",
                    "short",
                    (Query(f"sum by (model) ({_HOUR})", "{{model}}"),),
                    stacked=True,
                    description="What the last hour added. The hour after midnight shows less.",
                ),
            ),
        ),
        (
            "What it is paid for",
            (
                Graph(
                    "Tokens by model and kind",
                    "short",
                    (
                        Query(
                            f"sum by (gen_ai_request_model, gen_ai_token_type) ({_USAGE})",
                            "{{gen_ai_request_model}} {{gen_ai_token_type}}",
                        ),
                    ),
                ),
                Graph(
                    "Tokens a request, mean",
                    "short",
                    (
                        Query(
                            f"sum by (gen_ai_token_type) ({_USAGE}) / sum by (gen_ai_token_type) "
                            "(rate(gen_ai_client_token_usage_count[$__rate_interval]))",
                            "{{gen_ai_token_type}}",
                        ),
                    ),
                ),
                Graph(
                    "Embedded and trained tokens",
                    "short",
                    (
                        Query(
                            "sum(rate(argosy_embedder_tokens_total[$__rate_interval]))", "embedded"
                        ),
                        Query(
                            "sum(rate(argosy_trainer_tokens_total[$__rate_interval]))", "trained"
                        ),
                    ),
                ),
                Graph(
                    "Usage on its way to the ledger",
                    "bytes",
                    (Query("argosy_gateway_usage_spool_bytes", "{{instance}}"),),
                    description="What the gateways have on disk; it is counted once it arrives.",
                    width=12,
                ),
                Graph(
                    "Usage events in the ledger",
                    "short",
                    (
                        Query(
                            "sum by (outcome) "
                            "(rate(argosy_registry_usage_events_total[$__rate_interval]))",
                            "{{outcome}}",
                        ),
                        Query(
                            "sum(rate(argosy_gateway_usage_lost_events_total[$__rate_interval]))",
                            "lost",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
    ),
)
