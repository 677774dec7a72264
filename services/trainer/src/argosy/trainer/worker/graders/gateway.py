"""The gateway, asked as any client asks it, with a short-lived key of the project."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from argosy.trainer.worker.failures import GatewayAway, GraderFailed

URL, KEY = "ARGOSY_GATEWAY_URL", "ARGOSY_TASK_KEY"
TIMEOUT_SECONDS = 120.0
ATTEMPTS = 4
# Busy, or not there for a moment.
PASSING = {408, 409, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Gateway:
    url: str
    key: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Gateway | None":
        url, key = environment.get(URL), environment.get(KEY)
        return cls(url.rstrip("/"), key) if url and key else None

    def chat(self, body: dict[str, Any]) -> str:
        """The text of the first choice. Raises GraderFailed, at once for a refusal."""
        answer = self.post("/chat/completions", body)
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (LookupError, TypeError) as error:
            raise GraderFailed(f"the gateway's answer is no completion: {answer}") from error

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What it answers, read from JSON.

        Raises GraderFailed at once for a refusal, GatewayAway after several tries.
        """
        return self._ask(path, json.dumps(body).encode())

    def get(self, path: str) -> Any:
        return self._ask(path, None)

    def _ask(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is the supervisor's
            self.url + path,
            data=body,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"},
        )
        attempt = 0
        while True:
            attempt += 1
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                    return json.load(response)
            except urllib.error.HTTPError as error:
                refusal = error.read().decode("utf-8", "replace")[:500]
                if error.code not in PASSING:
                    raise GraderFailed(f"the gateway says {error.code}: {refusal}") from error
                if attempt == ATTEMPTS:
                    raise GatewayAway(f"the gateway says {error.code}: {refusal}") from error
            except (OSError, ValueError) as error:
                if attempt == ATTEMPTS:
                    raise GatewayAway(f"the gateway cannot be asked: {error}") from error
            time.sleep(2.0 ** (attempt - 1))
