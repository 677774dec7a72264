"""docs/metrics.md names every metric with its type, labels and meaning; names keep their form."""

from __future__ import annotations

import re

from tests.docs import sources

PARTS = {"registry", "trainer", "embedder", "gateway", "bus", "outbox", "process"}
# Of OpenTelemetry's semantic conventions for generative AI, as Prometheus writes them.
CONVENTIONS = {
    "gen_ai_client_token_usage",
    "gen_ai_server_request_duration_seconds",
    "gen_ai_server_time_per_output_token_seconds",
    "gen_ai_server_time_to_first_token_seconds",
}


def row(metric: sources.Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
    return sources.row(f"`{metric.name}`", metric.kind, labels, metric.help)


def test_every_metric_is_documented_as_it_is() -> None:
    documented = sources.table_rows("metrics.md")
    missing = [row(m) for m in sources.metrics() if row(m) not in documented]
    assert not missing, "add to docs/metrics.md:\n" + "\n".join(missing)


def test_no_documented_metric_is_gone() -> None:
    assert sources.first_cells("metrics.md") <= {m.name for m in sources.metrics()}


def test_names_follow_the_contract() -> None:
    for metric in sources.metrics():
        if metric.name.startswith("gen_ai_"):
            assert metric.name in CONVENTIONS, metric
            continue
        match = re.fullmatch(r"argosy_([a-z]+)(_[a-z]+)+", metric.name)
        assert match is not None, metric
        assert match[1] in PARTS, metric
        # What a user writes is no label: there would be a series for each.
        assert not {"user", "key", "project", "prompt", "path", "url"} & set(metric.labels), metric
