"""FA03: SIGSTOP amid a stream: an error event, the engine is set aside, SIGCONT brings it back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.harness.lone_gateway import PoolOf, lone_gateway
from tests.harness.serving_fleet import HELLO, events_of
from tests.harness.waiting import wait_until

BODY: Final = {"model": "tiny", "messages": HELLO, "stream": True, "max_tokens": 40}
ONE: Final = BODY | {"max_tokens": 1}
CHAT: Final = "/chat/completions"
EJECTION_SECONDS: Final = 1.0


def test_fa03_engine_stops_mid_stream(tmp_path: Path) -> None:
    settings = {"token_timeout_seconds": 0.5, "ejection_seconds": EJECTION_SECONDS}
    pool = PoolOf("tiny", 2, arguments=("--slow-ms", "50"))
    with lone_gateway(tmp_path, pool, settings=settings) as gateway, gateway.http() as client:
        with client.stream("POST", CHAT, json=BODY) as answer:
            text, pieces = "", answer.iter_text()
            while "t5 " not in text:
                text += next(pieces)
            victim, other = sorted(gateway.engines, key=lambda e: -e.stats()["running"])
            with stopped(victim.pid):
                text += "".join(pieces)
                set_aside = time.monotonic()
                # The stream says what happened, and does not end as if it were complete.
                error = json.loads(events_of(text)[-1])["error"]
                assert (error["type"], error["code"]) == ("server_error", "upstream_timeout")
                assert "[DONE]" not in text
                assert gateway.metric("argosy_gateway_ejections_total") == 1
                assert gateway.metric("argosy_gateway_replicas_ejected") == 1
                seen = other.stats()["requests"]
                for _ in range(5):
                    client.post(CHAT, json=ONE).raise_for_status()
                assert other.stats()["requests"] == seen + 5

        def back() -> bool:
            client.post(CHAT, json=ONE).raise_for_status()
            return bool(victim.stats()["completed"])

        wait_until(back, 20, "requests at the engine that goes on")
        assert time.monotonic() - set_aside >= EJECTION_SECONDS
        assert gateway.metric("argosy_gateway_replicas_ejected") == 0


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
