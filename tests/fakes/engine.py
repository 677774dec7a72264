"""A stand-in for vLLM's OpenAI server that answers at once and breaks on request.

Run it as a script: `python tests/fakes/engine.py --port 8001 --model NAME`. It needs only uvicorn.
It speaks as vLLM 0.3x does where the gateway looks: paths, events, error bodies, gauges, run-time
LoRA, embeddings. An answer's tokens are `t0 t1 t2 …`, as many as `max_tokens` (16 if absent).

Faults: `POST /_fault` with any of `Faults`; `{"reset": true}` first clears all. What it can hold:
the fields of `Room`, as arguments (`--max-loras 2`). Time by hand: `POST /_tick`. Looking:
`GET /_stats`; `GET /_fake/requests` lists the bodies of the last completions and embeddings,
`GET /_fake/usage` what each completion used.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvicorn

# Run as a script, it finds its neighbours as a test does.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes.answers import Completion, PrefixCache, embeddings, error
from tests.fakes.asgi import (
    Message,
    Receive,
    Send,
    disconnected,
    read,
    send_bytes,
    send_json,
    send_piece,
)
from tests.fakes.engine_faults import Faults
from tests.fakes.hand_clock import HandClock
from tests.fakes.lora_slots import Room, Slots
from tests.fakes.media import fetch, urls

CONTEXT: Final = 2048
ASKED: Final = "A fault was asked."
COMPLETIONS: Final = {("POST", "/v1/chat/completions"), ("POST", "/v1/completions")}


@dataclass
class Stats:
    """What happened since the start. `aborts`: request id, Unix time, tokens sent till then."""

    requests: int = 0
    completed: int = 0
    running: int = 0
    aborts: list[dict[str, Any]] = field(default_factory=list)
    # How often each value of `cache_salt` came; "" where there was none.
    salts: dict[str, int] = field(default_factory=dict)
    # URLs of media that a request made the engine fetch, as vLLM does.
    fetched: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    unloads: list[str] = field(default_factory=list)
    bodies: deque[Any] = field(default_factory=lambda: deque(maxlen=100))
    headers: dict[str, str] = field(default_factory=dict)


class Engine:
    """The ASGI application."""

    def __init__(self, model: str, api_key: str, faults: Faults, room: Room) -> None:
        self._model = model
        self._api_key = api_key
        self._faults = faults
        self._stats = Stats()
        self._adapters: dict[str, str] = {}
        self._room = room
        self._slots = Slots(room)
        self._prefixes = PrefixCache()
        self._clock = HandClock()
        self._started = time.time()
        # What each completion used: `told` where the engine has said so itself.
        self._used: deque[dict[str, Any]] = deque(maxlen=50_000)
        # The sums of all that have ended.
        self._totals = dict.fromkeys(("input_tokens", "cached_input_tokens", "output_tokens"), 0)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        body = await read(receive)
        allowed = not self._api_key or headers.get("authorization") == f"Bearer {self._api_key}"
        if not allowed and scope["path"].startswith("/v1"):
            await send_json(send, 401, {"error": "Unauthorized"})
            return
        handler = {
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/embeddings"): self._embed,
            ("POST", "/v1/rewards"): self._reward,
            ("POST", "/v1/load_lora_adapter"): self._load,
            ("POST", "/v1/unload_lora_adapter"): self._unload,
            ("POST", "/_fault"): self._fault,
            ("POST", "/_tick"): self._tick,
            ("GET", "/_stats"): self._show_stats,
            ("GET", "/_fake/requests"): self._show_requests,
            ("GET", "/_fake/usage"): self._show_usage,
        }.get((scope["method"], scope["path"]))
        if handler is not None:
            await handler(body, send)
        elif (scope["method"], scope["path"]) in COMPLETIONS:
            self._stats.headers = headers
            request_id = headers.get("x-request-id", "")
            await self._complete(request_id, scope["path"], json.loads(body), receive, send)
        else:
            await send_json(send, 404, {"detail": "Not Found"})

    async def _health(self, _: bytes, send: Send) -> None:
        await send_bytes(send, 503 if self._faults.sick else 200, b"")

    async def _metrics(self, _: bytes, send: Send) -> None:
        label = f'{{engine="0",model_name="{self._model}"}}'
        running, waiting = (",".join(self._slots.adapters_of(waiting=w)) for w in (False, True))
        read, cached, written = self._totals.values()
        text = (
            f"process_start_time_seconds {self._started}\n"
            f"vllm:num_requests_running{label} {self._slots.running}.0\n"
            f"vllm:num_requests_waiting{label} {self._slots.waiting}.0\n"
            f"vllm:kv_cache_usage_perc{label} 0.25\n"
            f"vllm:prompt_tokens_total{label} {read}.0\n"
            f"vllm:prompt_tokens_cached_total{label} {cached}.0\n"
            f"vllm:generation_tokens_total{label} {written}.0\n"
            f'vllm:lora_requests_info{{max_lora="{self._room.max_loras}",'
            f'running_lora_adapters="{running}",waiting_lora_adapters="{waiting}"}} {time.time()}\n'
        )
        await send_bytes(send, 200, text.encode(), b"text/plain; version=0.0.4")

    async def _models(self, _: bytes, send: Send) -> None:
        card = {"object": "model", "created": 1, "owned_by": "vllm"}
        cards = [card | {"id": self._model, "parent": None}]
        cards += [
            card | {"id": name, "root": path, "parent": self._model}
            for name, path in self._adapters.items()
        ]
        await send_json(send, 200, {"object": "list", "data": cards})

    async def _load(self, body: bytes, send: Send) -> None:
        request = json.loads(body)
        name = request["lora_name"]
        self._stats.loads.append(name)
        await asyncio.sleep(self._faults.load_ms / 1000)
        if self._faults.refuse_loads:
            why = "No room for the adapter."
            await send_json(send, 500, error(500, "InternalServerError", why))
        elif name in self._adapters:
            why = f"The lora adapter '{name}' has already been loaded. If you want to load the ..."
            await send_json(send, 400, error(400, "InvalidUserInput", why))
        else:
            self._adapters[name] = request["lora_path"]
            await send_bytes(send, 200, f"Success: LoRA adapter '{name}' added.".encode())

    async def _unload(self, body: bytes, send: Send) -> None:
        name = json.loads(body)["lora_name"]
        self._stats.unloads.append(name)
        self._slots.forget(name)
        if self._adapters.pop(name, None) is None:
            why = f"The lora adapter '{name}' cannot be found."
            await send_json(send, 404, error(404, "NotFoundError", why))
        else:
            await send_bytes(send, 200, f"Success: LoRA adapter '{name}' removed.".encode())

    async def _fault(self, body: bytes, send: Send) -> None:
        wanted = json.loads(body)
        if wanted.pop("reset", False):
            self._faults = Faults()
        if wanted.pop("forget_adapters", False):
            self._adapters.clear()
        self._faults = dataclasses.replace(self._faults, **wanted)
        await send_json(send, 200, dataclasses.asdict(self._faults))

    async def _tick(self, _: bytes, send: Send) -> None:
        self._clock.tick()
        await send_json(send, 200, {})

    async def _show_stats(self, _: bytes, send: Send) -> None:
        shown = dataclasses.asdict(self._stats) | {
            "adapters": sorted(self._adapters),
            "activations": dict(self._slots.activations),
            "slots": self._slots.adapters,
            "bodies": list(self._stats.bodies),
            "waiting_for_a_tick": self._clock.waiting,
            "pid": os.getpid(),
        }
        await send_json(send, 200, shown)

    async def _show_requests(self, _: bytes, send: Send) -> None:
        await send_json(send, 200, list(self._stats.bodies))

    async def _show_usage(self, _: bytes, send: Send) -> None:
        await send_json(send, 200, list(self._used))

    async def _embed(self, body: bytes, send: Send) -> None:
        request = json.loads(body)
        self._heard(request)
        if self._faults.status is not None:
            status = self._faults.status
            await send_json(send, status, error(status, "InternalServerError", ASKED))
            return
        await asyncio.sleep(self._faults.slow_ms / 1000)
        self._stats.completed += 1
        await send_json(send, 200, embeddings(request, request.get("model") or self._model))

    async def _reward(self, body: bytes, send: Send) -> None:
        request = json.loads(body)
        self._heard(request)
        told = sum(len(message["content"]) for message in request["messages"])
        used = {"prompt_tokens": told, "completion_tokens": 0, "total_tokens": told}
        answer = {"object": "reward", "model": request["model"], "reward": 0.5, "usage": used}
        await send_json(send, 200, answer)

    def _heard(self, request: dict[str, Any]) -> None:
        self._stats.requests += 1
        self._stats.bodies.append(request)
        salt = request.get("cache_salt", "")
        self._stats.salts[salt] = self._stats.salts.get(salt, 0) + 1

    async def _complete(
        self, request_id: str, path: str, request: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        self._heard(request)
        for url in urls(request.get("messages")):
            self._stats.fetched.append(url)
            await fetch(url)
        model = request.get("model") or self._model
        status, every = self._faults.status, self._faults.status_every
        if status is not None and self._stats.requests % every == 0:
            why = f"{ASKED} {self._faults.says}".rstrip()
            await send_json(send, status, error(status, "InternalServerError", why))
            return
        if model != self._model and model not in self._adapters:
            why = f"The model `{model}` does not exist."
            await send_json(send, 404, error(404, "NotFoundError", why, param="model"))
            return
        tokens = request.get("max_completion_tokens") or request.get("max_tokens") or 16
        if tokens > CONTEXT:
            why = f"This model's maximum context length is {CONTEXT} tokens. You asked for {tokens}"
            await send_json(send, 400, error(400, "BadRequestError", why, param="max_tokens"))
            return
        if request.get("stream_options") and not request.get("stream"):
            why = "Stream options can only be defined when `stream=True`."
            await send_json(send, 400, error(400, "BadRequestError", why, param="stream_options"))
            return
        cached = 0 if self._faults.prefill_ms is None else self._prefixes.read(request)
        answer = Completion(path, request, model, tokens, cached)
        self._stats.running += 1
        work = asyncio.create_task(self._run(answer, "" if model == self._model else model, send))
        gone = asyncio.create_task(disconnected(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
                self._stats.completed += 1
            else:
                work.cancel()
                seen = {"request_id": request_id, "at": time.time(), "tokens": answer.sent}
                self._stats.aborts.append(seen)
        finally:
            gone.cancel()
            self._stats.running -= 1
            used = answer.used()
            self._used.append(used | {"request_id": request_id})
            for kind in self._totals:
                self._totals[kind] += used[kind]

    async def _run(self, answer: Completion, adapter: str, send: Send) -> None:
        async with self._slots.running_with(adapter):
            if self._faults.prefill_ms and not answer.cached:
                await asyncio.sleep(self._faults.prefill_ms / 1000)
            await self._write(answer, send)

    async def _write(self, answer: Completion, send: Send) -> None:
        if answer.request.get("stream"):
            await self._stream(answer, send)
            return
        for _ in range(answer.tokens):
            await self._before_token(answer)
            answer.sent += 1
        await send_json(send, 200, answer.whole(self._faults.says))
        answer.told = True

    async def _stream(self, answer: Completion, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        # As in vLLM, nothing goes out before the first token is there, not even the role.
        await self._before_token(answer)
        started = False
        for data, is_token in answer.events(self._faults.says + "x" * self._faults.wide_bytes):
            at = answer.sent if is_token else -1
            if is_token and answer.sent:
                await self._before_token(answer)
            if not started:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                started = True
            if at == self._faults.malformed_after_tokens:
                await send_piece(send, b"%PDF-1.4 this is no event\n\n")
            if at == self._faults.error_after_tokens:
                why = 'EngineCore failed. Traceback (most recent call last): File "/srv/x.py"'
                await self._event(send, json.dumps(error(500, "InternalServerError", why)))
                await send_piece(send, b"data: [DONE]\n\n")
                break
            if at == self._faults.end_after_tokens:
                break
            await self._event(send, data)
            answer.sent += is_token
            answer.told = data == "[DONE]" and answer.tells
            # A client that is gone slows nothing down: the others must have their turn.
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    async def _event(self, send: Send, data: str) -> None:
        raw = f"data: {data}\n\n".encode()
        size = self._faults.piece_bytes or len(raw)
        for start in range(0, len(raw), size):
            await send_piece(send, raw[start : start + size])
            if size < len(raw):
                await asyncio.sleep(0.001)

    async def _before_token(self, answer: Completion) -> None:
        if self._faults.slow_ms:
            await asyncio.sleep(self._faults.slow_ms / 1000)
        if self._faults.by_hand:
            await self._clock.tick_comes()
        if self._faults.die_after_tokens == answer.sent:
            # What was written must be on its way, as it would be in an engine that computes.
            await asyncio.sleep(0.02)
            os._exit(137)
        if self._faults.stall_after_tokens == answer.sent:
            await asyncio.Event().wait()


def main(arguments: list[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--api-key", default="")
    for knob in (*dataclasses.fields(Faults), *dataclasses.fields(Room)):
        parser.add_argument(
            "--" + knob.name.replace("_", "-"),
            type=str if isinstance(knob.default, str) else json.loads,
            default=knob.default,
        )
    known = vars(parser.parse_args(arguments))
    faults = Faults(**{knob.name: known[knob.name] for knob in dataclasses.fields(Faults)})
    room = Room(**{knob.name: known[knob.name] for knob in dataclasses.fields(Room)})
    uvicorn.run(
        Engine(known["model"], known["api_key"], faults, room),
        host=known["host"],
        port=known["port"],
        # This loop writes to the socket at once, so that a token is out before the process dies.
        loop="asyncio",
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=5,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
