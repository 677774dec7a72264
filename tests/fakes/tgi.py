"""A stand-in for Text Generation Inference that answers at once and breaks on request.

Run it as a script: `python tests/fakes/tgi.py --port 8001 --model NAME`. It needs only uvicorn. It
speaks as TGI 2.4 does where the gateway looks, by its `docs/openapi.json` (2.4.1-dev0) and the
source of its router of that time: `/generate`, `/generate_stream`, `/info`, `/health`, `/metrics`,
and its chat route, which `tgi_chat.py` has. An answer's tokens are `t0 t1 t2 …`, as many as
`max_new_tokens`; a stop sequence ends it and stays in the text, as in TGI. The last token is a
special one, which TGI sends and no client should see. A stream begins with 200 whatever follows:
what is refused elsewhere is its first event.

Faults: `POST /_fault` with any of `Faults`; `{"reset": true}` first clears all. Looking: `GET
/_stats`.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvicorn

# Run as a script, it finds its neighbours as a test does.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes import tgi_chat
from tests.fakes.asgi import Message, Receive, Send, read, send_bytes, send_json, send_piece

LIMIT: Final = 2048
_INFO: Final = {
    "model_sha": None, "model_pipeline_tag": "text-generation", "max_concurrent_requests": 128,
    "max_best_of": 2, "max_stop_sequences": 4, "max_input_tokens": 1024, "max_total_tokens": LIMIT,
    "validation_workers": 2, "max_client_batch_size": 4, "router": "text-generation-router",
    "version": "2.4.1-dev0", "sha": None, "docker_label": None,
}  # fmt: skip
# What TGI's own validation takes.
_PARAMETERS: Final = {
    "best_of", "temperature", "repetition_penalty", "frequency_penalty", "top_k", "top_p",
    "typical_p", "do_sample", "max_new_tokens", "return_full_text", "stop", "truncate",
    "watermark", "details", "decoder_input_details", "seed", "top_n_tokens", "grammar",
    "adapter_id",
}  # fmt: skip


@dataclass
class Faults:
    """How the engine misbehaves."""

    # Generation is answered with this status, and with this Retry-After.
    status: int | None = None
    retry_after: str = ""
    # The stream holds TGI's error event after this many tokens.
    error_after_tokens: int | None = None
    # The stream ends in order after this many tokens, without details.
    end_after_tokens: int | None = None
    # Events are cut into pieces of this many bytes.
    piece_bytes: int | None = None


@dataclass
class Stats:
    """What happened since the start."""

    requests: int = 0
    paths: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)


class TextGeneration:
    """The ASGI application."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._faults = Faults()
        self._stats = Stats()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read(receive)
        place = scope["method"], scope["path"]
        if place == ("GET", "/health"):
            await send_bytes(send, 200, b"")
        elif place == ("GET", "/info"):
            await send_json(send, 200, _INFO | {"model_id": f"hub/{self._model}"})
        elif place == ("GET", "/metrics"):
            text = b"# TYPE tgi_queue_size gauge\ntgi_queue_size 3\ntgi_batch_current_size 2\n"
            await send_bytes(send, 200, text, b"text/plain")
        elif place == ("GET", "/_stats"):
            await send_json(send, 200, dataclasses.asdict(self._stats) | {"pid": os.getpid()})
        elif place == ("POST", "/_fault"):
            wanted = json.loads(body)
            self._faults = Faults() if wanted.pop("reset", False) else self._faults
            self._faults = dataclasses.replace(self._faults, **wanted)
            await send_json(send, 200, dataclasses.asdict(self._faults))
        elif scope["method"] == "POST":
            await self._asked(scope["path"], json.loads(body), send)
        else:
            await send_bytes(send, 404, b"")

    async def _asked(self, path: str, request: dict[str, Any], send: Send) -> None:
        self._stats.requests += 1
        self._stats.paths.append(path)
        self._stats.bodies.append(request)
        if self._faults.status is not None:
            said = {"error": "Model is overloaded", "error_type": "overloaded"}
            await self._refuse(path, self._faults.status, said, send)
        elif path in {"/generate", "/generate_stream"}:
            await self._generate(path, request, send)
        elif path == "/v1/chat/completions":
            await self._chat(path, request, send)
        else:
            await send_bytes(send, 404, b"")

    async def _refuse(self, path: str, status: int, said: dict[str, str], send: Send) -> None:
        if path == "/generate_stream":
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._piecewise(f"data:{json.dumps(said)}\n\n".encode(), send)
            await send({"type": "http.response.body", "body": b""})
            return
        headers = [(b"content-type", b"application/json")]
        if self._faults.retry_after:
            headers.append((b"retry-after", self._faults.retry_after.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    async def _generate(self, path: str, request: dict[str, Any], send: Send) -> None:
        parameters = request.get("parameters", {})
        wrong = self._wrong(parameters)
        if wrong or not isinstance(request.get("inputs"), str):
            said = {"error": f"Input validation error: {wrong}", "error_type": "validation"}
            await self._refuse(path, 422, said, send)
            return
        tokens, finish = _tokens(parameters)
        prompt = len(request["inputs"].split())
        if path == "/generate":
            details = {
                "finish_reason": finish, "generated_tokens": len(tokens), "seed": None,
                "prefill": [],
                "tokens": [
                    {"id": index, "text": text, "logprob": -0.1, "special": False}
                    for index, text in enumerate(tokens)
                ],
            }  # fmt: skip
            headers = [
                (b"content-type", b"application/json"),
                (b"x-prompt-tokens", str(prompt).encode()),
                (b"x-generated-tokens", str(len(tokens)).encode()),
            ]
            answer = {"generated_text": "".join(tokens), "details": details}
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for event in self._events(tokens, finish, prompt):
            await self._piecewise(f"data:{json.dumps(event)}\n\n".encode(), send)
        await send({"type": "http.response.body", "body": b""})

    def _events(self, tokens: list[str], finish: str, prompt: int) -> Iterator[dict[str, Any]]:
        if finish == "eos_token":
            tokens = [*tokens, "</s>"]
        for index, text in enumerate(tokens):
            if index == self._faults.end_after_tokens:
                return
            if index == self._faults.error_after_tokens:
                said = "Request failed during generation: Server error: CUDA out of memory"
                yield {"error": said, "error_type": "generation"}
                return
            last = index == len(tokens) - 1
            token = {"id": index, "text": text, "logprob": -0.1, "special": text == "</s>"}
            details = {
                "finish_reason": finish, "generated_tokens": len(tokens), "seed": None,
                "input_length": prompt,
            }  # fmt: skip
            yield {
                "index": index + 1,
                "token": token,
                "generated_text": "".join(tokens) if last else None,
                "details": details if last else None,
            }

    async def _chat(self, path: str, request: dict[str, Any], send: Send) -> None:
        unreadable = tgi_chat.unreadable(request)
        if unreadable:
            # Before its own code sees it, and so without the form of its own errors.
            said = f"Failed to deserialize the JSON body into the target type: {unreadable}"
            await send_bytes(send, 422, said.encode(), b"text/plain; charset=utf-8")
            return
        parameters = tgi_chat.parameters(request)
        wrong = self._wrong(parameters)
        chat = tgi_chat.Chat(f"hub/{self._model}", request, *_tokens(parameters))
        if not request.get("stream"):
            if wrong:
                said = f"Input validation error: {wrong}"
                await self._refuse(path, 422, {"error": said, "error_type": "validation"}, send)
            else:
                await send_json(send, 200, chat.whole())
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        # What goes wrong within a stream of this route is left out of it.
        last = 0 if wrong else self._faults.error_after_tokens
        for data in chat.events(last):
            await self._piecewise(f"data:{data}\n\n".encode(), send)
        await send({"type": "http.response.body", "body": b""})

    async def _piecewise(self, data: bytes, send: Send) -> None:
        size = self._faults.piece_bytes or len(data)
        for start in range(0, len(data), size):
            await send_piece(send, data[start : start + size])
            await asyncio.sleep(0)

    @staticmethod
    def _wrong(parameters: dict[str, Any]) -> str:
        """Return what TGI's validation says, in short; "" if nothing."""
        if unknown := set(parameters) - _PARAMETERS:
            return f"unknown field {sorted(unknown)[0]}"
        if parameters.get("temperature", 1.0) <= 0.0:
            return "`temperature` must be strictly positive"
        if not 0.0 < parameters.get("top_p", 0.5) < 1.0:
            return "`top_p` must be > 0.0 and < 1.0"
        if parameters.get("seed", 0) < 0:
            return "`seed` must be unsigned"
        if parameters["max_new_tokens"] > LIMIT:
            return f"`inputs` tokens + `max_new_tokens` must be <= {LIMIT}"
        return ""


def _tokens(parameters: dict[str, Any]) -> tuple[list[str], str]:
    """Return the tokens and TGI's reason for the end; an even number ends by the end of text."""
    tokens: list[str] = []
    for index in range(parameters["max_new_tokens"]):
        tokens.append(f"t{index} ")
        if any("".join(tokens).endswith(stop) for stop in parameters.get("stop", ())):
            return tokens, "stop_sequence"
    return tokens, "eos_token" if len(tokens) % 2 == 0 else "length"


def main(arguments: list[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    known = parser.parse_args(arguments)
    uvicorn.run(
        TextGeneration(known.model), host="127.0.0.1", port=known.port, log_level="warning",
        lifespan="off",
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
