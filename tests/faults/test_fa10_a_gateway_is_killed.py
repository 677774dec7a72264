"""FA10: one of two gateways of a machine is killed: clients go on, and limits go on to hold."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import openai

from tests.harness.footprint import descriptors
from tests.harness.lone_gateway import LoneGateway, PoolOf, lone_gateway
from tests.harness.serving_fleet import HELLO
from tests.harness.waiting import wait_until

KEY: Final = "sk-limited-0123456789"
AT_ONCE: Final = 8
A_MINUTE: Final = 60
LIMITED: Final = f"""
[[key]]
name = "limited"
secret = "{KEY}"
requests_per_minute = {A_MINUTE}
concurrent_requests = {AT_ONCE}
"""


def ask(gateway: LoneGateway, retries: int) -> str:
    """One request of a client of its own, and so on a connection of its own."""
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=retries, timeout=30) as sdk:
        answer = sdk.chat.completions.create(model="tiny", messages=HELLO, max_tokens=2)
    return answer.choices[0].message.content or ""


def workers(gateway: LoneGateway) -> set[int]:
    pid = gateway.process.pid
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_fa10_a_gateway_is_killed(tmp_path: Path) -> None:
    settings = {"workers": 2}
    with (
        lone_gateway(tmp_path, PoolOf("tiny", 1), settings=settings, tables=LIMITED) as gateway,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        (engine,) = gateway.engines
        before = workers(gateway)
        assert len(before) == 2
        engine.fault(slow_ms=1500)
        asked = [threads.submit(ask, gateway, 2) for _ in range(AT_ONCE)]
        wait_until(lambda: engine.stats()["requests"] == AT_ONCE, 20, "all at the engine")
        # The one that holds more: with all its requests another limit of requests at once is full.
        victim = max(before, key=descriptors)
        os.kill(victim, signal.SIGKILL)
        for one in asked:
            assert one.result(60).split()[:2] == ["t0", "t1"]
        repeated = engine.stats()["requests"] - AT_ONCE
        assert 1 <= repeated <= AT_ONCE

        # What the dead one counted counts: not one request more than a minute may have.
        engine.fault()
        survivor = (before - {victim}).pop()
        assert Path(f"/proc/{survivor}").exists()
        allowed = AT_ONCE + repeated
        refusal: openai.APIError | None = None
        while allowed <= 2 * A_MINUTE:
            try:
                ask(gateway, 0)
            except openai.RateLimitError as error:
                refusal = error
                break
            allowed += 1
        assert refusal is not None
        assert refusal.code == "rate_limit_exceeded"
        assert 0.98 * A_MINUTE <= allowed <= A_MINUTE
        assert engine.stats()["requests"] == allowed
