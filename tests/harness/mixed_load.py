"""Requests of every kind against two gateways, and what each client saw of its answer.

Some read to the end, some leave in the middle, some ask for what there is not. A client whose
gateway vanishes asks the other one again, as the stock SDK would.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

KINDS = {
    "stream": 5,
    "told stream": 3,
    "whole": 4,
    "text": 3,
    "leave": 4,
    "too long": 1,
    "no such": 1,
}


@dataclass
class Seen:
    """What came back. Usage is None where a client did not ask a stream to tell it."""

    complete: dict[str, dict[str, int] | None] = field(default_factory=dict)
    # Those that a client left, with the gateway that served them.
    left: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    # Answers that broke off, known or not by their ids.
    cut: int = 0
    ended: int = 0


class MixedLoad:
    """Sends `count` requests, `at_once` in flight; `on_progress` hears how many have ended."""

    def __init__(
        self,
        urls: Sequence[str],
        key: str,
        models: Sequence[str],
        rng: random.Random,
        on_progress: Callable[[int], None],
    ) -> None:
        self.seen = Seen()
        self._urls = list(urls)
        self._models = list(models)
        self._rng = rng
        self._on_progress = on_progress
        self._http = httpx.AsyncClient(
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )

    async def run(self, count: int, at_once: int) -> Seen:
        turn = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with turn:
                await self._until_answered(self._request())
                self.seen.ended += 1
                self._on_progress(self.seen.ended)

        async with self._http:
            await asyncio.gather(*(one() for _ in range(count)))
        return self.seen

    def _request(self) -> tuple[str, str, dict[str, Any]]:
        rng = self._rng
        kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
        words = " ".join("word" for _ in range(rng.randrange(1, 60)))
        body: dict[str, Any] = {
            "model": rng.choice(self._models), "max_tokens": rng.randrange(1, 30),
        }  # fmt: skip
        if kind == "text":
            return kind, "/v1/completions", body | {"prompt": words}
        body["messages"] = [{"role": "user", "content": words}]
        if kind in {"stream", "told stream", "leave"}:
            body["stream"] = True
        if kind == "leave":
            # Long enough that the engine is still at it when the client goes.
            body["max_tokens"] = 300
        if kind == "told stream":
            body["stream_options"] = {"include_usage": True}
        if kind == "too long":
            body["max_tokens"] = 5000
        if kind == "no such":
            body["model"] = "no-such-model"
        return kind, "/v1/chat/completions", body

    async def _until_answered(self, request: tuple[str, str, dict[str, Any]]) -> None:
        kind, path, body = request
        for turn in range(20):
            url = self._urls[(self._rng.randrange(2) + turn) % 2]
            try:
                await self._send(kind, url + path, body)
            except httpx.ConnectError:
                await asyncio.sleep(0.2)
            except httpx.HTTPError:
                self.seen.cut += 1
            else:
                return
        raise AssertionError("no gateway answers")

    async def _send(self, kind: str, url: str, body: dict[str, Any]) -> None:
        async with self._http.stream("POST", url, json=body) as answer:
            request_id = answer.headers["x-request-id"]
            if answer.status_code != 200:
                await answer.aread()
                self.seen.refused += 1
            elif not body.get("stream"):
                usage = json.loads(await answer.aread())["usage"]
                self.seen.complete[request_id] = _counts(usage)
            else:
                leave_after = self._rng.randrange(1, 10) if kind == "leave" else None
                await self._read(request_id, answer, leave_after)

    async def _read(self, request_id: str, answer: httpx.Response, leave_after: int | None) -> None:
        usage, events = None, 0
        async for line in answer.aiter_lines():
            data = line.removeprefix("data: ")
            if data == "[DONE]":
                self.seen.complete[request_id] = usage
                return
            if not line:
                continue
            told = json.loads(data)
            if "error" in told:
                self.seen.cut += 1
                return
            if told.get("usage"):
                usage = _counts(told["usage"])
            events += 1
            if events == leave_after:
                self.seen.left[request_id] = str(answer.url).removesuffix(answer.url.path)
                return
        raise httpx.ReadError("The stream ended without [DONE].")


def _counts(usage: dict[str, Any]) -> dict[str, int]:
    details = usage.get("prompt_tokens_details") or {}
    return {
        "input_tokens": usage["prompt_tokens"],
        "output_tokens": usage["completion_tokens"],
        "cached_input_tokens": details.get("cached_tokens") or 0,
    }
