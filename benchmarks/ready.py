"""Waits until a completion is answered. Knows one small request, and the key that all accept."""

from __future__ import annotations

import http.client
import time
from typing import Final

from benchmarks.processes import Child

KEY: Final = "sk-bench-0123456789abcdef"
MODEL: Final = "mock-model"
_READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05


class NotReadyError(Exception):
    """A process did not answer in time; the message quotes the end of its log."""


def wait_until_serves(port: int, child: Child) -> None:
    """Wait until a completion is answered on `port`. Raises NotReadyError after a minute."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and not child.ended:
        if _ask(port) == 200:
            return
        time.sleep(_POLL_SECONDS)
    end = child.log.read_text(errors="replace")[-2000:]
    raise NotReadyError(f"nothing answers on port {port}; the end of {child.log}:\n{end}")


def _ask(port: int) -> int:
    """Send one completion; return the status of the answer, 0 if there is none."""
    body = f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"hello"}}]}}'
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()
