"""A stand-in for vLLM's OpenAI server that answers at once and breaks on request.

Run it as a script: `python tests/fakes/engine.py --port 8001 --model NAME`. It needs only uvicorn.
It speaks as vLLM 0.3x does where the gateway looks: paths, events, error bodies, gauges, run-time
LoRA. An answer's tokens are `t0 t1 t2 …`, as many as `max_tokens` (16 if absent).

Faults: `POST /_fault` with any of `Faults`; `{"reset": true}` first clears all. Looking:
`GET /_stats`; `GET /_fake/requests` lists the bodies of the last completions.
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
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONTEXT: Final = 2048
COMPLETIONS: Final = {("POST", "/v1/chat/completions"), ("POST", "/v1/completions")}


@dataclass
class Faults:
    """How the engine misbehaves. Counts of tokens are from the start of each answer."""

    # The process ends, as by kill -9, after this many tokens; 0 is before the first byte.
    die_after_tokens: int | None = None
    # Nothing more is sent after this many tokens; the connection stays open.
    stall_after_tokens: int | None = None
    # Completions are answered with this status and an error body.
    status: int | None = None
    # Milliseconds before each token.
    slow_ms: float = 0.0
    # The stream holds what is no event after this many tokens.
    malformed_after_tokens: int | None = None
    # The stream holds vLLM's error event after this many tokens.
    error_after_tokens: int | None = None
    # The stream ends in order after this many tokens, without [DONE].
    end_after_tokens: int | None = None
    # Events are cut into pieces of this many bytes.
    piece_bytes: int | None = None
    # Loads are answered with 500.
    refuse_loads: bool = False
    # Milliseconds that a load takes.
    load_ms: float = 0.0
    # /health answers 503.
    sick: bool = False


@dataclass
class Stats:
    """What happened since the start. `aborts`: request id, Unix time, tokens sent till then."""

    requests: int = 0
    completed: int = 0
    running: int = 0
    aborts: list[dict[str, Any]] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    unloads: list[str] = field(default_factory=list)
    bodies: deque[Any] = field(default_factory=lambda: deque(maxlen=100))
    headers: dict[str, str] = field(default_factory=dict)


class Engine:
    """The ASGI application."""

    def __init__(self, model: str, api_key: str, faults: Faults) -> None:
        self._model = model
        self._api_key = api_key
        self._faults = faults
        self._stats = Stats()
        self._adapters: dict[str, str] = {}
        self._started = time.time()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        body = await _read(receive)
        allowed = not self._api_key or headers.get("authorization") == f"Bearer {self._api_key}"
        if not allowed and scope["path"].startswith("/v1"):
            await _json(send, 401, {"error": "Unauthorized"})
            return
        handler = {
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/load_lora_adapter"): self._load,
            ("POST", "/v1/unload_lora_adapter"): self._unload,
            ("POST", "/_fault"): self._fault,
            ("GET", "/_stats"): self._show_stats,
            ("GET", "/_fake/requests"): self._show_requests,
        }.get((scope["method"], scope["path"]))
        if handler is not None:
            await handler(body, send)
        elif (scope["method"], scope["path"]) in COMPLETIONS:
            self._stats.headers = headers
            request_id = headers.get("x-request-id", "")
            await self._complete(request_id, scope["path"], json.loads(body), receive, send)
        else:
            await _json(send, 404, {"detail": "Not Found"})

    async def _health(self, _: bytes, send: Send) -> None:
        await _answer(send, 503 if self._faults.sick else 200, b"")

    async def _metrics(self, _: bytes, send: Send) -> None:
        label = f'{{engine="0",model_name="{self._model}"}}'
        text = (
            f"process_start_time_seconds {self._started}\n"
            f"vllm:num_requests_running{label} {self._stats.running}.0\n"
            f"vllm:num_requests_waiting{label} 0.0\n"
            f"vllm:kv_cache_usage_perc{label} 0.25\n"
        )
        await _answer(send, 200, text.encode(), b"text/plain; version=0.0.4")

    async def _models(self, _: bytes, send: Send) -> None:
        card = {"object": "model", "created": 1, "owned_by": "vllm"}
        cards = [card | {"id": self._model, "parent": None}]
        cards += [
            card | {"id": name, "root": path, "parent": self._model}
            for name, path in self._adapters.items()
        ]
        await _json(send, 200, {"object": "list", "data": cards})

    async def _load(self, body: bytes, send: Send) -> None:
        request = json.loads(body)
        name = request["lora_name"]
        self._stats.loads.append(name)
        await asyncio.sleep(self._faults.load_ms / 1000)
        if self._faults.refuse_loads:
            await _json(send, 500, _error(500, "InternalServerError", "No room for the adapter."))
        elif name in self._adapters:
            why = f"The lora adapter '{name}' has already been loaded. If you want to load the ..."
            await _json(send, 400, _error(400, "InvalidUserInput", why))
        else:
            self._adapters[name] = request["lora_path"]
            await _answer(send, 200, f"Success: LoRA adapter '{name}' added.".encode())

    async def _unload(self, body: bytes, send: Send) -> None:
        name = json.loads(body)["lora_name"]
        self._stats.unloads.append(name)
        if self._adapters.pop(name, None) is None:
            why = f"The lora adapter '{name}' cannot be found."
            await _json(send, 404, _error(404, "NotFoundError", why))
        else:
            await _answer(send, 200, f"Success: LoRA adapter '{name}' removed.".encode())

    async def _fault(self, body: bytes, send: Send) -> None:
        wanted = json.loads(body)
        if wanted.pop("reset", False):
            self._faults = Faults()
        if wanted.pop("forget_adapters", False):
            self._adapters.clear()
        self._faults = dataclasses.replace(self._faults, **wanted)
        await _json(send, 200, dataclasses.asdict(self._faults))

    async def _show_stats(self, _: bytes, send: Send) -> None:
        shown = dataclasses.asdict(self._stats) | {"adapters": sorted(self._adapters)}
        await _json(send, 200, shown | {"bodies": list(self._stats.bodies), "pid": os.getpid()})

    async def _show_requests(self, _: bytes, send: Send) -> None:
        await _json(send, 200, list(self._stats.bodies))

    async def _complete(
        self, request_id: str, path: str, request: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        self._stats.requests += 1
        self._stats.bodies.append(request)
        model = request.get("model") or self._model
        if self._faults.status is not None:
            status = self._faults.status
            await _json(send, status, _error(status, "InternalServerError", "A fault was asked."))
            return
        if model != self._model and model not in self._adapters:
            why = f"The model `{model}` does not exist."
            await _json(send, 404, _error(404, "NotFoundError", why, param="model"))
            return
        tokens = request.get("max_completion_tokens") or request.get("max_tokens") or 16
        if tokens > CONTEXT:
            why = f"This model's maximum context length is {CONTEXT} tokens. You asked for {tokens}"
            await _json(send, 400, _error(400, "BadRequestError", why, param="max_tokens"))
            return
        if request.get("stream_options") and not request.get("stream"):
            why = "Stream options can only be defined when `stream=True`."
            await _json(send, 400, _error(400, "BadRequestError", why, param="stream_options"))
            return
        answer = _Answer(path, request, model, tokens)
        self._stats.running += 1
        work = asyncio.create_task(self._write(answer, send))
        gone = asyncio.create_task(_disconnected(receive))
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

    async def _write(self, answer: _Answer, send: Send) -> None:
        if answer.request.get("stream"):
            await self._stream(answer, send)
            return
        for _ in range(answer.tokens):
            await self._before_token(answer)
            answer.sent += 1
        await _json(send, 200, answer.whole())

    async def _stream(self, answer: _Answer, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        # As in vLLM, nothing goes out before the first token is there, not even the role.
        await self._before_token(answer)
        started = False
        for data, is_token in answer.events():
            at = answer.sent if is_token else -1
            if is_token and answer.sent:
                await self._before_token(answer)
            if not started:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                started = True
            if at == self._faults.malformed_after_tokens:
                await _piece(send, b"%PDF-1.4 this is no event\n\n")
            if at == self._faults.error_after_tokens:
                why = 'EngineCore failed. Traceback (most recent call last): File "/srv/x.py"'
                await self._event(send, json.dumps(_error(500, "InternalServerError", why)))
                await _piece(send, b"data: [DONE]\n\n")
                break
            if at == self._faults.end_after_tokens:
                break
            await self._event(send, data)
            answer.sent += is_token
        await send({"type": "http.response.body", "body": b""})

    async def _event(self, send: Send, data: str) -> None:
        raw = f"data: {data}\n\n".encode()
        size = self._faults.piece_bytes or len(raw)
        for start in range(0, len(raw), size):
            await _piece(send, raw[start : start + size])
            if size < len(raw):
                await asyncio.sleep(0.001)

    async def _before_token(self, answer: _Answer) -> None:
        if self._faults.slow_ms:
            await asyncio.sleep(self._faults.slow_ms / 1000)
        if self._faults.die_after_tokens == answer.sent:
            # What was written must be on its way, as it would be in an engine that computes.
            await asyncio.sleep(0.02)
            os._exit(137)
        if self._faults.stall_after_tokens == answer.sent:
            await asyncio.Event().wait()


class _Answer:
    """One answer's content, whole or in events."""

    def __init__(self, path: str, request: dict[str, Any], model: str, tokens: int) -> None:
        self._chat = path.startswith("/v1/chat")
        self.request = request
        self.tokens = tokens
        self.sent = 0
        self._choices = range(request.get("n") or 1)
        self._head = {
            "id": f"{'chatcmpl' if self._chat else 'cmpl'}-fake",
            "created": int(time.time()),
            "model": model,
        }
        prompt = json.dumps(request.get("messages") or request.get("prompt") or "")
        read, written = len(prompt.split()), tokens * len(self._choices)
        self._usage = {
            "prompt_tokens": read,
            "total_tokens": read + written,
            "completion_tokens": written,
            "prompt_tokens_details": {"cached_tokens": 0},
        }

    def whole(self) -> dict[str, Any]:
        text = "".join(f"t{i} " for i in range(self.tokens))
        choices = []
        for index in self._choices:
            choice: dict[str, Any] = {"index": index, "finish_reason": "length", "logprobs": None}
            if self._chat:
                choice["message"] = {"role": "assistant", "content": text, "refusal": None}
                if self.request.get("logprobs"):
                    listed = [_logprob(f"t{i} ") for i in range(self.tokens)]
                    choice["logprobs"] = {"content": listed, "refusal": None}
            else:
                choice["text"] = text
            choices.append(choice)
        kind = "chat.completion" if self._chat else "text_completion"
        return self._head | {"object": kind, "choices": choices, "usage": self._usage}

    def events(self) -> Iterator[tuple[str, bool]]:
        if self._chat:
            for index in self._choices:
                yield self._chunk(index, "", None, role=True), False
        for i in range(self.tokens):
            finish = "length" if i == self.tokens - 1 else None
            for index in self._choices:
                yield self._chunk(index, f"t{i} ", finish), True
        if (self.request.get("stream_options") or {}).get("include_usage"):
            yield self._dump({"choices": [], "usage": self._usage}), False
        yield "[DONE]", False

    def _chunk(self, index: int, text: str, finish: str | None, *, role: bool = False) -> str:
        choice: dict[str, Any] = {"index": index, "logprobs": None, "finish_reason": finish}
        if self._chat:
            choice["delta"] = {"role": "assistant"} if role else {}
            choice["delta"]["content"] = text
        else:
            choice["text"] = text
        return self._dump({"choices": [choice]})

    def _dump(self, rest: dict[str, Any]) -> str:
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return json.dumps(self._head | {"object": kind} | rest, separators=(",", ":"))


def _logprob(token: str) -> dict[str, Any]:
    entry = {"token": token, "logprob": -0.5, "bytes": list(token.encode())}
    return entry | {"top_logprobs": [entry]}


def _error(code: int, kind: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


async def _read(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    more = True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _piece(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _json(send: Send, status: int, value: Any) -> None:
    await _answer(send, status, json.dumps(value).encode(), b"application/json")


async def _answer(send: Send, status: int, body: bytes, kind: bytes = b"text/plain") -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(arguments: list[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--api-key", default="")
    for fault in dataclasses.fields(Faults):
        parser.add_argument(
            "--" + fault.name.replace("_", "-"), type=json.loads, default=fault.default
        )
    known = vars(parser.parse_args(arguments))
    faults = Faults(**{fault.name: known[fault.name] for fault in dataclasses.fields(Faults)})
    uvicorn.run(
        Engine(known["model"], known["api_key"], faults),
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
