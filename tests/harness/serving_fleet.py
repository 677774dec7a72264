"""A fleet that serves: gateway, registry and two fake engines that a test can break."""

from __future__ import annotations

import functools
from typing import Any, Final

import httpx

from tests.harness.cluster import MODEL, Cluster
from tests.harness.invariants import gauge
from tests.harness.waiting import wait_until

ENGINES: Final = ("engine", "engine-2")
PROCESSES: Final = ("postgres", "nats", "registry", *ENGINES, "gateway")
HELLO: Final[Any] = [{"role": "user", "content": "hello"}]


def chat(**more: Any) -> dict[str, Any]:
    """Return the body of a stream of 50 tokens."""
    return {"model": MODEL, "messages": HELLO, "stream": True, "max_tokens": 50} | more


class ServingFleet:
    """Short ways to the engines of a cluster and to what the gateway did."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def fault(self, *engines: str, **faults: Any) -> None:
        """Clear the engines' faults and set these; without names on all of them."""
        for name in engines or ENGINES:
            url = f"{self.cluster.url(name)}/_fault"
            httpx.post(url, json={"reset": True} | faults, timeout=5).raise_for_status()

    def stats(self, engine: str) -> dict[str, Any]:
        """Return what an engine has seen."""
        shown: dict[str, Any] = httpx.get(f"{self.cluster.url(engine)}/_stats", timeout=5).json()
        return shown

    def heard(self) -> int:
        """Return how many completions have reached the engines."""
        return sum(int(self.stats(name)["requests"]) for name in ENGINES)

    def busy(self) -> str:
        """Wait until one engine works on a request; return its name."""

        def one() -> str:
            working = [name for name in ENGINES if self.stats(name)["running"]]
            return working[0] if working else ""

        return wait_until(one, 10, "an engine at work")

    def http(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A client with the key, or another one; paths begin with `/v1`."""
        headers = {"authorization": f"Bearer {key or self.cluster.key}"}
        return httpx.Client(base_url=self.cluster.url(), headers=headers, timeout=30, **options)

    def usable(self) -> None:
        """Clear all faults; wait until the gateway finds every engine ready."""

        def ready() -> bool:
            return gauge(self.cluster, "gateway", "argosy_gateway_replica_ready") == len(ENGINES)

        for name in ENGINES:
            self.cluster.wait_ready(name)
        self.fault()
        wait_until(ready, 15, "both engines to be ready for the gateway")
        # A gateway that never served shows no permits at all.
        with self.http() as client:
            client.post("/v1/chat/completions", json=chat(max_tokens=1)).raise_for_status()

    def nothing_left(self) -> None:
        """Wait until the gateway is at rest: no request, no permit, no queue, no spooled usage."""
        for name in (
            "argosy_gateway_requests_in_flight",
            "argosy_gateway_permits_in_flight",
            "argosy_gateway_queued_requests",
            "argosy_gateway_usage_spool_bytes",
        ):
            is_zero = functools.partial(self._is_zero, name)
            wait_until(is_zero, 15, f"{name} = 0")

    def _is_zero(self, metric: str) -> bool:
        return gauge(self.cluster, "gateway", metric) == 0

    def usage(self, request_id: str) -> dict[str, Any]:
        """Wait for a request's row in the ledger."""
        columns = "outcome", "input_tokens", "output_tokens", "estimated"
        query = (
            f"SELECT {', '.join(columns)} FROM registry.usage_event "  # noqa: S608 - our own id
            f"WHERE request_id = '{request_id}'"
        )
        rows = wait_until(lambda: self.cluster.sql(query), 20, f"usage of {request_id}")
        assert len(rows) == 1, rows
        return dict(zip(columns, rows[0], strict=True))


def events_of(text: str) -> list[str]:
    """Return the data of each event of a stream."""
    return [part.removeprefix("data: ") for part in text.split("\n\n") if part]
