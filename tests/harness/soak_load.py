"""A crowd of clients for a soak: all kinds of request, some that leave, some that are wrong.

Every answer is judged as it comes: complete, or an error in OpenAI's form. Knows no faults.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Any, Final

import httpx

from tests.harness.cluster import MODEL
from tests.harness.serving_fleet import HELLO

TOKENS: Final = 20
_KINDS: Final = {"stream": 5, "whole": 3, "text": 2, "leave": 3, "wrong": 1, "stranger": 1}


class Crowd:
    """Clients that go on until `stopping` is set. `ended` counts how requests ended, by kind."""

    def __init__(self, url: str, key: str, clients: int, chance: random.Random) -> None:
        self.stopping = asyncio.Event()
        self.ended: Counter[str] = Counter()
        # Ids of the requests whose complete answer has arrived.
        self.complete: set[str] = set()
        # What no client should ever see.
        self.wrong: list[str] = []
        self._clients = clients
        self._chance = chance
        self._http = httpx.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60
        )

    async def run(self) -> None:
        """Send requests until told to stop; returns when the last one has ended."""
        async with self._http:
            await asyncio.gather(*(self._client() for _ in range(self._clients)))

    async def _client(self) -> None:
        while not self.stopping.is_set():
            (kind,) = self._chance.choices(list(_KINDS), weights=list(_KINDS.values()))
            try:
                end = await self._one(kind)
            except (httpx.HTTPError, AssertionError, ValueError) as error:
                # Engines die; the gateway does not, so its connections have no reason to break.
                self.wrong.append(f"{kind}: {error!r}")
                end = "broken"
            self.ended[f"{kind} {end}"] += 1
            # Somewhere between a script and a person.
            await asyncio.sleep(self._chance.uniform(0, 0.02))

    async def _one(self, kind: str) -> str:
        body: dict[str, Any] = {"model": MODEL, "max_tokens": TOKENS}
        if kind == "text":
            return await self._whole("/v1/completions", body | {"prompt": "hello"})
        body["messages"] = HELLO
        if kind == "wrong":
            return await self._refused(body | {"n": "many"}, {400})
        if kind == "stranger":
            # Also 429, since too many wrong keys are not looked at, and 503 while the registry is
            # gone, since it may be a new one.
            stranger = "Bearer sk-nobody"
            return await self._refused(body, {401, 429, 503}, authorization=stranger)
        if kind == "whole":
            return await self._whole("/v1/chat/completions", body)
        leave_after = self._chance.randrange(TOKENS // 2) if kind == "leave" else None
        return await self._stream(body | {"stream": True}, leave_after)

    async def _refused(self, body: dict[str, Any], statuses: set[int], **headers: str) -> str:
        answer = await self._http.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code in statuses, answer.text
        return "refused"

    async def _whole(self, path: str, body: dict[str, Any]) -> str:
        answer = await self._http.post(path, json=body)
        if answer.status_code != 200:
            return self._error(answer.status_code, answer.text)
        assert answer.json()["usage"]["completion_tokens"] == TOKENS, answer.text
        self.complete.add(answer.headers["x-request-id"])
        return "ok"

    async def _stream(self, body: dict[str, Any], leave_after: int | None) -> str:
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.status_code != 200:
                return self._error(answer.status_code, (await answer.aread()).decode())
            tokens, last = 0, ""
            async for line in answer.aiter_lines():
                if not line:
                    continue
                last = line.removeprefix("data: ")
                tokens += f'"content":"t{tokens} "' in last
                if tokens == leave_after:
                    return "left"
        if last != "[DONE]":
            return self._error(200, last)
        assert tokens == TOKENS, f"{tokens} tokens in a stream that ended in order"
        self.complete.add(answer.headers["x-request-id"])
        return "ok"

    @staticmethod
    def _error(status: int, text: str) -> str:
        error = json.loads(text)["error"]
        assert error["message"]
        assert status in {200, 429, 502, 503, 504}, f"{status} {text}"
        return str(error["code"])
