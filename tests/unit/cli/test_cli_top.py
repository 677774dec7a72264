"""What `argosy top` makes of metrics: rates, quantiles, and one screen."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import pytest
from argosy.cli.top.history import History
from argosy.cli.top.scrape import Sample, parse
from argosy.cli.top.summary import Summary, summarise
from argosy.cli.top.view import Screen
from rich.console import Console

NOW = 1_000_000.0
REQUESTS = 'argosy_gateway_requests_total{operation="chat",outcome="%s"} %d\n'
TYPES = "# TYPE argosy_gateway_requests counter\n"
POOL = (
    'argosy_gateway_replica_ready{pool="main",replica="a"} %d\n'
    'argosy_gateway_replica_ready{pool="main",replica="b"} 1\n'
    'argosy_gateway_replica_kv_cache_ratio{pool="main",replica="b"} 0.5\n'
    'argosy_gateway_adapters_resident{pool="main",replica="b"} 3\n'
)
COST = 'argosy_registry_day_cost_micros{project_id="p",model="m",currency="eur"} %d\n'
RUN = (
    'argosy_trainer_jobs{status="running"} 1\nargosy_trainer_jobs{status="failed"} 2\n'
    'argosy_trainer_run_loss{job_id="ftjob-1"} 0.75\n'
    'argosy_trainer_run_progress_ratio{job_id="ftjob-1"} 0.5\n'
)


def buckets(*counts: int) -> str:
    """A histogram of first tokens with bounds 0.1, 0.5 and none."""
    name = "gen_ai_server_time_to_first_token_seconds"
    return f"# TYPE {name} histogram\n" + "".join(
        f'{name}_bucket{{le="{le}"}} {count}\n'
        for le, count in zip(("0.1", "0.5", "+Inf"), counts, strict=True)
    )


def summary(*looks: dict[str, Sample]) -> Summary:
    recent, long = History(15), History(600)
    for look in looks:
        recent.add(look)
        long.add(look)
    return summarise(recent, long, NOW)


def gateway(at: float, text: str) -> dict[str, Sample]:
    return {"gateway": parse(text, at)}


def test_rates_are_what_counters_grew_in_the_time_between() -> None:
    found = summary(
        gateway(0, TYPES + REQUESTS % ("ok", 100) + REQUESTS % ("invalid_request", 5)),
        gateway(
            10,
            TYPES
            + REQUESTS % ("ok", 127)
            + REQUESTS % ("invalid_request", 15)
            + REQUESTS % ("no_replica", 3),
        ),
    )
    assert found.traffic.requests == pytest.approx(4.0)
    # What the client did wrong is neither served nor failed.
    assert found.traffic.failed == pytest.approx(0.1)


def test_one_look_has_no_rates() -> None:
    found = summary(gateway(0, TYPES + REQUESTS % ("ok", 100)))
    assert found.traffic.requests is None
    assert found.traffic.first_token.p50 is None


def test_a_restart_is_no_fall() -> None:
    history = History(15)
    history.add(gateway(0, TYPES + REQUESTS % ("ok", 1000)))
    history.add(gateway(10, TYPES + REQUESTS % ("ok", 20)))
    assert history.rate("argosy_gateway_requests_total") == pytest.approx(2.0)


def test_what_was_counted_before_the_first_look_is_nobodys_rate() -> None:
    history = History(15)
    history.add({"gateway": Sample(0, up=False)})
    history.add(gateway(10, TYPES + REQUESTS % ("ok", 1000)))
    assert history.rate("argosy_gateway_requests_total") == 0


def test_quantiles_are_of_the_last_seconds_and_linear_within_a_bucket() -> None:
    found = summary(
        gateway(0, buckets(1000, 1000, 1000)), gateway(10, buckets(1010, 1020, 1020))
    ).traffic.first_token
    assert found.p50 == pytest.approx(0.1)
    assert found.p95 == pytest.approx(0.46)
    beyond = summary(gateway(0, buckets(0, 0, 0)), gateway(10, buckets(0, 0, 4)))
    assert beyond.traffic.first_token.p95 == 0.5


def test_only_the_last_seconds_count() -> None:
    history = History(15)
    for at in range(0, 100, 5):
        # A busy minute, then nothing.
        history.add(gateway(at, TYPES + REQUESTS % ("ok", min(at, 60) * 10)))
    assert history.span == 15
    assert history.rate("argosy_gateway_requests_total") == 0


def test_pools_runs_jobs_and_cost_are_shown() -> None:
    first, later = POOL % 1 + COST % 1_000_000 + RUN, POOL % 0 + COST % 1_500_000 + RUN
    found = summary(gateway(0, first), gateway(90, later))
    (pool,) = found.pools
    assert (pool.ready, pool.engines, pool.adapters, pool.kv_cache) == (1, 2, 3, 0.5)
    assert found.cost is not None
    assert found.cost.today == 1.5
    assert found.cost.an_hour == pytest.approx(20.0)
    assert found.jobs == {"failed": 2, "running": 1}
    assert [(run.job_id, run.loss, run.progress) for run in found.runs] == [("ftjob-1", 0.75, 0.5)]
    assert json.loads(json.dumps(dataclasses.asdict(found)))["cost"]["currency"] == "eur"


def test_the_screen_says_what_is_wrong_first() -> None:
    look = gateway(10, TYPES + REQUESTS % ("ok", 100) + POOL % 0 + COST % 5_000_000 + RUN)
    found = summary(look | {"registry": Sample(10, up=False)})
    lines = drawn(found).splitlines()
    assert "1 of 2 up" in lines[0]
    assert "registry does not answer" in lines[1]
    assert any("main" in line and "1/2" in line and "50%" in line for line in lines)
    assert any("ftjob-1" in line and "50%" in line and "0.750" in line for line in lines)
    assert any("today 5.00 eur" in line for line in lines)


def test_a_fleet_without_anything_can_be_drawn() -> None:
    assert "0 of 1 up" in drawn(summary({"gateway": Sample(0, up=False)}))


def drawn(found: Any) -> str:
    shown = io.StringIO()
    Console(width=100, file=shown).print(Screen("here").draw(found, "12:00:00"))
    return shown.getvalue()
