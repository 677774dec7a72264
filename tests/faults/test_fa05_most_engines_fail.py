"""FA05: 2 of 3 engines answer 500: no more are set aside than may be, and the rest serves."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.harness.lone_gateway import PoolOf, lone_gateway
from tests.harness.serving_fleet import HELLO
from tests.harness.waiting import wait_until

BODY: Final = {"model": "tiny", "messages": HELLO, "max_tokens": 2}
CHAT: Final = "/chat/completions"
EJECTED: Final = "argosy_gateway_replicas_ejected"


def test_fa05_most_engines_fail(tmp_path: Path) -> None:
    settings = {"ejection_seconds": 60.0}
    with (
        lone_gateway(tmp_path, PoolOf("tiny", 3), settings=settings) as gateway,
        gateway.http() as client,
        ThreadPoolExecutor(8) as threads,
    ):
        good, *bad = gateway.engines
        for engine in bad:
            engine.fault(status=500)

        def ask(number: int) -> tuple[int, float]:
            status = client.post(CHAT, json=BODY).status_code
            return status, gateway.metric(EJECTED) if number % 8 == 0 else 0

        answers = list(threads.map(ask, range(200)))
        # Half of three is one: the pool is never left with less than two.
        assert max(out for _, out in answers) == 1
        assert gateway.metric("argosy_gateway_ejections_total") == 1
        # What may not be set aside is known to fail, and asked of only now and then.
        later = [status for status, _ in answers[50:]]
        assert later.count(200) >= 0.95 * len(later)
        assert {status for status, _ in answers} <= {200, 502}
        asked = sum(engine.stats()["requests"] for engine in bad)
        assert asked <= 40, f"{asked} requests went to engines that fail"
        assert good.stats()["completed"] >= 180


def test_fa05_they_come_back_by_themselves(tmp_path: Path) -> None:
    with (
        lone_gateway(tmp_path, PoolOf("tiny", 3), settings={"ejection_seconds": 0.5}) as gateway,
        gateway.http() as client,
    ):
        bad = gateway.engines[1:]
        for engine in bad:
            engine.fault(status=500)

        def set_aside() -> bool:
            client.post(CHAT, json=BODY)
            return gateway.metric("argosy_gateway_ejections_total") >= 1

        wait_until(set_aside, 20, "an ejection")
        for engine in bad:
            engine.fault()
        began = time.monotonic()

        def all_serve() -> bool:
            assert client.post(CHAT, json=BODY).status_code in {200, 502}
            return all(engine.stats()["completed"] for engine in bad)

        wait_until(all_serve, 60, f"both to serve again since {began}")
        wait_until(lambda: gateway.metric(EJECTED) == 0, 10, "nobody set aside")
