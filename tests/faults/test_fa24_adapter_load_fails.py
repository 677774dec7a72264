"""FA24: one of three engines will not load an adapter, or throws it out: no client sees a 404.

A gateway and three engines as processes; clients are the stock SDK without retries.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from argosy.gateway.placement.decision_costs import Costs
from argosy.gateway.placement.decision_model import Adapter, Room, Site
from argosy.kit.processes import free_port

from tests.harness.waiting import wait_until

ENGINE = Path(__file__).resolve().parents[1] / "fakes" / "engine.py"
ARGOSY = Path(sys.executable).with_name("argosy")
KEY = "sk-fa24-0123456789ab"
ADAPTERS = [f"ft:tiny:argosy:a:{number:08d}" for number in range(4)]


class Router:
    """The gateway alone, with three engines of four slots."""

    def __init__(self, folder: Path) -> None:
        self.port, self._metrics_port = free_port(), free_port()
        self.engines = [free_port() for _ in range(3)]
        self._log = folder / "gateway.log"
        config = folder / "gateway.toml"
        config.write_text(self._config())
        with self._log.open("wb") as out:
            self._processes = [
                subprocess.Popen([sys.executable, ENGINE, "--port", str(port), "--model", "tiny"])
                for port in self.engines
            ]
            wait_until(lambda: all(self._up(port) for port in self.engines), 60, "the engines")
            self._processes.append(
                subprocess.Popen(
                    [ARGOSY, "gateway", "--config", str(config)], stdout=out, stderr=out
                )
            )

    def _config(self) -> str:
        urls = ", ".join(f'"http://127.0.0.1:{port}"' for port in self.engines)
        adapters = "\n".join(
            f'[[adapter]]\nname = "{name}"\nbase = "tiny"\npath = "/adapters/{name}"\n'
            for name in ADAPTERS
        )
        return (
            f"[gateway]\nport = {self.port}\nmetrics_port = {self._metrics_port}\n"
            "probe_seconds = 0.2\n"
            f'[[pool]]\nname = "tiny"\nengine = "vllm"\nreplicas = [{urls}]\nmodels = ["tiny"]\n'
            f'max_loras = 4\n[[key]]\nname = "ours"\nsecret = "{KEY}"\n{adapters}'
        )

    def _up(self, port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def usable(self) -> None:
        """Wait until the gateway takes all three engines for ready."""

        def ready() -> bool:
            assert self._processes[-1].poll() is None, self._log.read_text()
            return self.metric("argosy_gateway_replica_ready") == len(self.engines)

        wait_until(ready, 60, "the gateway")

    def metric(self, name: str, label: str = "") -> float:
        """Return the sum of a metric over the series whose labels hold `label`."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=5
            ) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return -1.0
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.partition("{")[0].partition(" ")[0] == name and label in line
        )

    def fault(self, port: int, **faults: Any) -> None:
        url = f"http://127.0.0.1:{port}/_fault"
        httpx.post(url, json=faults, timeout=5).raise_for_status()

    def stats(self, port: int) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stats", timeout=5) as answer:
            shown: dict[str, Any] = json.loads(answer.read())
        return shown

    def ask(self, count: int) -> list[str]:
        """Ask for the adapters in turn, eight at a time; return what failed."""
        client = openai.OpenAI(
            base_url=f"http://127.0.0.1:{self.port}/v1", api_key=KEY, max_retries=0, timeout=30
        )

        def one(number: int) -> str:
            name = ADAPTERS[number % len(ADAPTERS)]
            try:
                answer = client.chat.completions.create(
                    model=name, messages=[{"role": "user", "content": "hi"}], max_tokens=2
                )
            except openai.APIError as error:
                return repr(error)
            return "" if answer.model == name else f"{answer.model} answered for {name}"

        with ThreadPoolExecutor(8) as pool:
            return [failure for failure in pool.map(one, range(count)) if failure]

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    router = Router(tmp_path)
    try:
        router.usable()
        yield router
    finally:
        router.stop()


def first_choice(engines: list[int], name: str) -> int:
    """Return where the gateway brings an adapter while nothing runs anywhere."""

    def cost(port: int) -> float:
        url = f"http://127.0.0.1:{port}"
        return Costs().load(Adapter(name), Site(url, Room(slots=4), url), 0.0)

    return min(engines, key=cost)


def test_fa24_adapter_load_fails(router: Router) -> None:
    # The choice depends on the ports: an engine that nobody prefers would not be asked at all.
    refusing = first_choice(router.engines, ADAPTERS[0])
    others = [port for port in router.engines if port != refusing]
    router.fault(refusing, refuse_loads=True)
    begun = time.monotonic()
    assert router.ask(80) == []
    seconds = time.monotonic() - begun
    seen = router.stats(refusing)
    # Asked now and then, after 1 s that doubles each time; no request went where no adapter was.
    # One request more may ask while the first is being told of the refusal.
    asked = Counter(seen["loads"])
    assert 1 <= max(asked.values(), default=0) <= 2 + math.log2(1 + seconds), (asked, seconds)
    assert seen["requests"] == 0
    assert sum(router.stats(port)["completed"] for port in others) == 80
    assert router.metric("argosy_gateway_adapter_loads_total", 'result="refused"') >= 1

    for port in others:
        router.fault(port, refuse_loads=True, forget_adapters=True)
    router.fault(refusing, refuse_loads=False)

    def served() -> bool:
        failures = router.ask(4)
        assert not any("404" in failure for failure in failures), failures
        return not failures

    wait_until(served, 30, "the engine that takes loads again to be asked again")


def test_fa24_adapters_are_evicted_there(router: Router) -> None:
    assert router.ask(40) == []
    for _ in range(5):
        for port in router.engines:
            router.fault(port, forget_adapters=True)
        assert router.ask(24) == []
    assert router.metric("argosy_gateway_adapter_waiting") == 0
