"""What matters of a fleet's metrics, as numbers: the same for the screen and for `--json`.

Knows the names of metrics (docs/metrics.md). Draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from argosy.cli.top.history import History, Only

# The fleet's faults, as the recording rules of deploy/k8s/prometheus have them.
FAULTS: Final = frozenset(
    {
        "engine_failed", "upstream_disconnected", "upstream_malformed", "upstream_timeout",
        "no_replica", "queue_timeout", "queue_full", "unavailable", "draining", "internal",
    }
)  # fmt: skip
_SERVED: Final = FAULTS | {"ok", "client_disconnected"}
_FIRST: Final = "gen_ai_server_time_to_first_token_seconds"
_EACH: Final = "gen_ai_server_time_per_output_token_seconds"
_WHOLE: Final = "gen_ai_server_request_duration_seconds"
_COST: Final = "argosy_registry_day_cost_micros"
# Costs are brought up to date twice a minute: a rate over less would jump.
_COST_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Quantiles:
    """Seconds; None where nothing was measured lately."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class Traffic:
    """Requests to models over the last seconds. Rates are None until there are two looks."""

    requests: float | None
    failed: float | None
    in_flight: int
    queued: int
    input_tokens: float | None
    output_tokens: float | None
    first_token: Quantiles
    output_token: Quantiles
    whole: Quantiles


@dataclass(frozen=True)
class Cost:
    """Money in the registry's currency. `an_hour` is None until a minute was seen."""

    currency: str
    today: float
    an_hour: float | None


@dataclass(frozen=True)
class PoolLine:
    """One pool as its gateways see it. `kv_cache` is the fullest engine's, from 0 to 1."""

    name: str
    engines: int
    ready: int
    ejected: int
    in_flight: int
    queued: int
    kv_cache: float | None
    adapters: int
    loads: int


@dataclass(frozen=True)
class Run:
    """A tuning run under way. `progress` is from 0 to 1."""

    job_id: str
    loss: float | None
    progress: float


@dataclass(frozen=True)
class Process:
    """One process; CPU in cores, memory in bytes."""

    name: str
    up: bool
    cpu: float | None
    memory: float
    seconds: float | None


@dataclass(frozen=True)
class Summary:
    """All of it."""

    seconds: float
    traffic: Traffic
    cost: Cost | None
    pools: tuple[PoolLine, ...]
    jobs: dict[str, int]
    runs: tuple[Run, ...]
    trained_tokens: float | None
    processes: tuple[Process, ...]
    trouble: tuple[str, ...]


def summarise(recent: History, long: History, now: float) -> Summary:
    """Sum up: `recent` holds some seconds, `long` some minutes; `now` is Unix time."""
    statuses = sorted(
        {
            labels["status"]
            for sample in recent.newest.values()
            for labels, _ in sample.series("argosy_trainer_jobs")
        }
    )
    return Summary(
        seconds=recent.span,
        traffic=_traffic(recent),
        cost=_cost(recent, long),
        pools=_pools(recent),
        jobs={
            status: int(recent.largest("argosy_trainer_jobs", _is("status", status)))
            for status in statuses
        },
        runs=_runs(recent),
        trained_tokens=recent.rate("argosy_trainer_tokens_total"),
        processes=_processes(recent, now),
        trouble=_trouble(recent),
    )


def _is(label: str, value: str) -> Only:
    return lambda labels: labels.get(label) == value


def _traffic(recent: History) -> Traffic:
    name = "argosy_gateway_requests_total"
    served = recent.rate(name, lambda labels: labels["outcome"] in _SERVED)
    faults = recent.rate(name, lambda labels: labels["outcome"] in FAULTS)
    usage = "gen_ai_client_token_usage_sum"
    return Traffic(
        requests=recent.rate(name),
        failed=faults / served if served and faults is not None else None,
        in_flight=int(recent.total("argosy_gateway_requests_in_flight")),
        queued=int(
            recent.total("argosy_gateway_queued_requests")
            + recent.total("argosy_gateway_adapter_waiting")
        ),
        input_tokens=recent.rate(usage, _is("gen_ai_token_type", "input")),
        output_tokens=recent.rate(usage, _is("gen_ai_token_type", "output")),
        first_token=_quantiles(recent, _FIRST),
        output_token=_quantiles(recent, _EACH),
        whole=_quantiles(recent, _WHOLE),
    )


def _quantiles(recent: History, name: str) -> Quantiles:
    return Quantiles(recent.quantile(name, 0.5), recent.quantile(name, 0.95))


def _cost(recent: History, long: History) -> Cost | None:
    # Every replica of the registry says the same: one of them is enough.
    for process, sample in recent.newest.items():
        series = list(sample.series(_COST))
        if not series:
            continue
        today = sum(value for _, value in series) / 1e6
        before = long.oldest.get(process)
        an_hour = None
        if before is not None and long.span >= _COST_SECONDS:
            was = sum(value for _, value in before.series(_COST)) / 1e6
            an_hour = max(0.0, today - was) / long.span * 3600
        return Cost(series[0][0]["currency"], today, an_hour)
    return None


def _pools(recent: History) -> tuple[PoolLine, ...]:
    ready: dict[str, dict[str, float]] = {}
    for sample in recent.newest.values():
        for labels, value in sample.series("argosy_gateway_replica_ready"):
            engines = ready.setdefault(labels["pool"], {})
            engines[labels["replica"]] = max(value, engines.get(labels["replica"], 0.0))
    return tuple(_pool(recent, name, engines) for name, engines in sorted(ready.items()))


def _pool(recent: History, name: str, engines: Mapping[str, float]) -> PoolLine:
    def loaded(labels: dict[str, str]) -> bool:
        return labels["pool"] == name and labels["result"] == "loaded"

    of_pool = _is("pool", name)
    # Several gateways tell of the same engines.
    full = dict(_by_replica(recent, "argosy_gateway_replica_kv_cache_ratio", name))
    resident = dict(_by_replica(recent, "argosy_gateway_adapters_resident", name))
    return PoolLine(
        name=name,
        engines=len(engines),
        ready=int(sum(engines.values())),
        ejected=int(recent.largest("argosy_gateway_replicas_ejected", of_pool)),
        in_flight=int(recent.total("argosy_gateway_permits_in_flight", of_pool)),
        queued=int(recent.total("argosy_gateway_queued_requests", of_pool)),
        kv_cache=max(full.values(), default=None),
        adapters=int(sum(resident.values())),
        loads=int(recent.total("argosy_gateway_adapter_loads_total", loaded)),
    )


def _by_replica(recent: History, metric: str, pool: str) -> Iterator[tuple[str, float]]:
    for sample in recent.newest.values():
        for labels, value in sample.series(metric):
            if labels["pool"] == pool:
                yield labels["replica"], value


def _runs(recent: History) -> tuple[Run, ...]:
    losses = {
        labels["job_id"]: value
        for sample in recent.newest.values()
        for labels, value in sample.series("argosy_trainer_run_loss")
    }
    return tuple(
        Run(labels["job_id"], losses.get(labels["job_id"]), value)
        for sample in recent.newest.values()
        for labels, value in sample.series("argosy_trainer_run_progress_ratio")
    )


def _processes(recent: History, now: float) -> tuple[Process, ...]:
    lines = []
    for name, sample in recent.newest.items():
        alone = recent.of(name)
        started = next((value for _, value in sample.series("process_start_time_seconds")), None)
        lines.append(
            Process(
                name=name,
                up=sample.up,
                cpu=alone.rate("process_cpu_seconds_total") if sample.up else None,
                memory=alone.total("process_resident_memory_bytes"),
                seconds=None if started is None else max(0.0, now - started),
            )
        )
    return tuple(lines)


def _trouble(recent: History) -> tuple[str, ...]:
    """Say what needs a look, in words."""
    found = [f"{name} does not answer" for name, sample in recent.newest.items() if not sample.up]
    if recent.largest("argosy_gateway_degraded"):
        found.append("a gateway serves from memory: it does not reach the registry")
    if (lag := recent.largest("argosy_outbox_lag_seconds")) > 10:
        found.append(f"events wait {lag:.0f} s to be sent")
    if (lag := recent.largest("argosy_bus_consumer_lag_seconds")) > 10:
        found.append(f"a consumer is {lag:.0f} s behind the event stream")
    if dead := recent.total("argosy_bus_dead_letters_total"):
        found.append(f"{dead:.0f} events were given up (dead letters)")
    if lost := recent.total("argosy_gateway_usage_lost_events_total"):
        found.append(f"usage of {lost:.0f} requests was lost")
    return tuple(found)
