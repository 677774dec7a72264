"""How long requests take, and where the time goes: queue, first token, tokens after it, the end."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board, Choice, Graph, Query

_MODEL: Final = 'gen_ai_request_model=~"$model"'
_QUANTILES: Final = ("0.5", "0.95", "0.99")


def _quantiles(metric: str, only: str = _MODEL) -> tuple[Query, ...]:
    inner = f"sum by (le) (rate({metric}_bucket{{{only}}}[$__rate_interval]))"
    return tuple(
        Query(f"histogram_quantile({q}, {inner})", f"p{float(q) * 100:g}") for q in _QUANTILES
    )


def _by(metric: str, label: str, only: str = "") -> Query:
    inner = f"sum by (le, {label}) (rate({metric}_bucket{{{only}}}[$__rate_interval]))"
    return Query(f"histogram_quantile(0.95, {inner})", f"{{{{{label}}}}}")


BOARD: Final = Board(
    name="latency",
    title="Latency",
    choices=(
        Choice("model", "gen_ai_server_request_duration_seconds_count", "gen_ai_request_model"),
    ),
    rows=(
        (
            "Requests to models",
            (
                Graph(
                    "Time to the first token",
                    "s",
                    _quantiles("gen_ai_server_time_to_first_token_seconds"),
                    description="Streams only: from the request's head to the first token.",
                ),
                Graph(
                    "Time between tokens",
                    "s",
                    _quantiles("gen_ai_server_time_per_output_token_seconds"),
                    description="One value a stream: the mean over the tokens after the first.",
                ),
                Graph(
                    "End to end",
                    "s",
                    _quantiles("gen_ai_server_request_duration_seconds", f'error_type="",{_MODEL}'),
                    description="Requests that succeeded, streams and others.",
                ),
                Graph(
                    "First token by model, p95",
                    "s",
                    (
                        _by(
                            "gen_ai_server_time_to_first_token_seconds",
                            "gen_ai_request_model",
                            _MODEL,
                        ),
                    ),
                ),
                Graph(
                    "First token within 1 s, share",
                    "percentunit",
                    (
                        Query("1 - argosy:time_to_first_token_slow:ratio_rate5m", "5 min"),
                        Query("1 - argosy:time_to_first_token_slow:ratio_rate1h", "1 h"),
                    ),
                    description="Against the objective of 95 %.",
                ),
                Graph(
                    "End to end by operation, p95",
                    "s",
                    (
                        _by(
                            "gen_ai_server_request_duration_seconds",
                            "gen_ai_operation_name",
                            _MODEL,
                        ),
                    ),
                ),
            ),
        ),
        (
            "Before the engine",
            (
                Graph(
                    "Time in the queue, p95",
                    "s",
                    (_by("argosy_gateway_queue_seconds", "pool"),),
                    description="0 for those that are served at once.",
                ),
                Graph(
                    "How requests came in",
                    "reqps",
                    (
                        Query(
                            "sum by (pool, outcome) "
                            "(rate(argosy_gateway_admissions_total[$__rate_interval]))",
                            "{{pool}} {{outcome}}",
                        ),
                    ),
                    stacked=True,
                ),
                Graph(
                    "Requests to engines",
                    "reqps",
                    (
                        Query(
                            "sum by (kind) "
                            "(rate(argosy_gateway_upstream_attempts_total[$__rate_interval]))",
                            "{{kind}}",
                        ),
                    ),
                    description="`retry` counts those beyond a request's first.",
                ),
            ),
        ),
        (
            "Other routes",
            (
                Graph(
                    "Other routes, p95",
                    "s",
                    (_by("argosy_gateway_http_request_seconds", "route"),),
                    width=12,
                ),
                Graph(
                    "Embedder",
                    "s",
                    (
                        *_quantiles("argosy_embedder_request_seconds", ""),
                        Query(
                            "histogram_quantile(0.95, sum by (le) "
                            "(rate(argosy_embedder_batch_seconds_bucket[$__rate_interval])))",
                            "one call of the model, p95",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
    ),
)
