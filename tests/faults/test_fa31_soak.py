"""FA31: half of what the pool can take, for minutes, while engines and services fail at random.

`ARGOSY_SOAK_SECONDS` is how long: 120 if unset, 600 at night. `ARGOSY_SOAK_SEED` repeats a run; the
seed is printed. Memory, open files and tasks of the gateway must not grow after the warm-up.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.harness import invariants
from tests.harness.cluster import Cluster
from tests.harness.footprint import descriptors, resident
from tests.harness.invariants import gauge
from tests.harness.loop_thread import LoopThread
from tests.harness.serving_fleet import ENGINES, PROCESSES, ServingFleet
from tests.harness.soak_load import TOKENS, Crowd
from tests.harness.steadiness import growth
from tests.harness.waiting import wait_until

SECONDS = float(os.environ.get("ARGOSY_SOAK_SECONDS", "120"))
SEED = int(os.environ.get("ARGOSY_SOAK_SEED", "0")) or secrets.randbits(32)
CONCURRENCY = 32
TOKEN_MS = 15
MEGABYTE = 1 << 20

pytestmark = pytest.mark.timeout(SECONDS + 180)


class Saboteur:
    """Breaks one thing after the other, and heals it; never two at once."""

    def __init__(self, serving: ServingFleet, chance: random.Random) -> None:
        self._serving = serving
        self._chance = chance
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="saboteur")
        self.done: list[str] = []
        self.failed: list[BaseException] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        ways = (self._kill, self._freeze, self._misbehave, self._kill_service)
        try:
            while not self._stopping.wait(self._chance.uniform(0.5, 3)):
                self._chance.choices(ways, weights=(3, 2, 5, 1))[0]()
        except BaseException as error:  # noqa: BLE001 - told by the test, in its own thread
            self.failed.append(error)

    def _kill(self) -> None:
        name = self._chance.choice(ENGINES)
        self.done.append(f"kill {name}")
        pid = self._serving.cluster.kill(name)
        self._serving.cluster.wait_restarted(name, pid)
        self._set(name)

    def _freeze(self) -> None:
        name = self._chance.choice(ENGINES)
        self.done.append(f"freeze {name}")
        pid = self._serving.cluster.kill(name, signal.SIGSTOP)
        self._stopping.wait(self._chance.uniform(0.5, 3))
        os.kill(pid, signal.SIGCONT)

    def _misbehave(self) -> None:
        after = self._chance.randrange(TOKENS)
        name, fault = self._chance.choice(ENGINES), self._chance.choice(
            [
                {"status": 500}, {"status": 503}, {"stall_after_tokens": after},
                {"malformed_after_tokens": after}, {"error_after_tokens": after},
                {"end_after_tokens": after}, {"piece_bytes": 3}, {"sick": True},
            ]
        )  # fmt: skip
        self.done.append(f"{name} {fault}")
        self._set(name, **fault)
        self._stopping.wait(self._chance.uniform(0.5, 3))
        self._set(name)

    def _set(self, name: str, **fault: Any) -> None:
        """Set an engine's fault; the supervision may be starting a sick one again."""

        def done() -> bool:
            try:
                self._serving.fault(name, **{"slow_ms": TOKEN_MS} | fault)
            except httpx.HTTPError:
                return False
            return True

        wait_until(done, 30, f"{name} to answer")

    def _kill_service(self) -> None:
        name = self._chance.choice(("registry", "nats"))
        self.done.append(f"kill {name}")
        pid = self._serving.cluster.kill(name)
        self._serving.cluster.wait_restarted(name, pid)


@pytest.fixture
def serving(make_cluster: Callable[..., Cluster]) -> Iterator[ServingFleet]:
    cluster = make_cluster(
        processes=PROCESSES,
        environment={
            "gateway": {
                "ARGOSY_POOL_CONCURRENCY": str(CONCURRENCY),
                "ARGOSY_TOKEN_TIMEOUT_SECONDS": "2",
                "ARGOSY_FIRST_BYTE_TIMEOUT_SECONDS": "5",
                # All that bounds an answer in one piece from an engine that stalls.
                "ARGOSY_REQUEST_TIMEOUT_SECONDS": "15",
                "ARGOSY_EJECTION_SECONDS": "1",
            }
        },
    )
    fleet = ServingFleet(cluster.start())
    fleet.usable()
    yield fleet
    fleet.nothing_left()


def watched(
    serving: ServingFleet, pid: int, seconds: float
) -> dict[str, list[tuple[float, float]]]:
    """Measure the gateway once a second; return the samples of each measure."""
    samples: dict[str, list[tuple[float, float]]] = {"rss": [], "fds": [], "tasks": []}
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < seconds:
        samples["rss"].append((now, resident(pid)))
        samples["fds"].append((now, descriptors(pid)))
        samples["tasks"].append((now, gauge(serving.cluster, "gateway", "argosy_process_tasks")))
        time.sleep(1)
    return samples


def test_fa31_soak(serving: ServingFleet) -> None:
    print(f"ARGOSY_SOAK_SEED={SEED} ARGOSY_SOAK_SECONDS={SECONDS:g}")
    cluster, chance = serving.cluster, random.Random(SEED)
    pid = cluster.process("gateway").pid
    assert pid is not None
    at_rest = descriptors(pid), gauge(cluster, "gateway", "argosy_process_tasks")
    serving.fault(slow_ms=TOKEN_MS)
    loop = LoopThread("crowd")
    crowd = loop.wait_for(_crowd(cluster, random.Random(chance.random())))
    running = loop.start(crowd.run())
    saboteur = Saboteur(serving, random.Random(chance.random()))
    saboteur.start()
    try:
        samples = watched(serving, pid, SECONDS)
    finally:
        saboteur.stop()
        loop.call(crowd.stopping.set)
        running.result(60)
        loop.close()
    print("faults:", *saboteur.done, sep="\n  ")
    print("ends:", *sorted(crowd.ended.items()), sep="\n  ")

    warm = len(samples["rss"]) // 3
    grown = {name: growth(values[warm:]) for name, values in samples.items()}
    print(f"grown after the warm-up: {grown}")
    print("wrong:", *crowd.wrong[:20], sep="\n  ")
    assert not crowd.wrong
    assert not saboteur.failed
    assert cluster.process("gateway").pid == pid
    served = sum(count for end, count in crowd.ended.items() if end.split()[1] in {"ok", "left"})
    asked = sum(n for end, n in crowd.ended.items() if end.split()[0] not in {"wrong", "stranger"})
    # One engine of two was broken most of the time.
    assert served > 0.6 * asked, f"{served} of {asked} were served"

    assert grown["rss"] < 6 * MEGABYTE
    assert grown["fds"] < 10
    assert grown["tasks"] < 10

    serving.usable()
    serving.nothing_left()
    wait_until(lambda: descriptors(pid) <= at_rest[0] + 10, 30, "closed sockets")
    wait_until(
        lambda: gauge(cluster, "gateway", "argosy_process_tasks") <= at_rest[1] + 5, 30, "few tasks"
    )
    _every_complete_answer_was_recorded_once(cluster, crowd.complete)
    invariants.outboxes_drain(cluster)
    invariants.no_orphans(cluster)


async def _crowd(cluster: Cluster, chance: random.Random) -> Crowd:
    await asyncio.sleep(0)
    return Crowd(cluster.url(), cluster.key, CONCURRENCY // 2, chance)


def _every_complete_answer_was_recorded_once(cluster: Cluster, complete: set[str]) -> None:
    def recorded() -> bool:
        rows = cluster.sql("SELECT request_id FROM registry.usage_event WHERE outcome = 'ok'")
        found = [row[0] for row in rows]
        assert len(set(found)) == len(found), "an answer was recorded twice"
        missing = complete - set(found)
        assert not missing, f"{len(missing)} of {len(complete)} answers are not recorded"
        return True

    wait_until(recorded, 60, "the ledger", pause=0.5)
