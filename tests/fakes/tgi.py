"""A stand-in for Text Generation Inference that answers at once and breaks on request.

Run it as a script: `python tests/fakes/tgi.py --port 8001 --model NAME`. It needs only uvicorn. It
speaks as TGI 3 does where the gateway looks: `/generate`, `/generate_stream`, `/info`, `/health`,
`/metrics`, and OpenAI's chat route. An answer's tokens are `t0 t1 t2 …`, as many as
`max_new_tokens`; a stop sequence ends it and stays in the text, as in TGI. The last token is a
special one, which TGI sends and no client should see.

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

from tests.fakes.answers import Completion
from tests.fakes.asgi import Message, Receive, Send, read, send_bytes, send_json, send_piece

LIMIT: Final = 2048
# What TGI's own validation takes.
_PARAMETERS: Final = {
    "best_of", "temperature", "repetition_penalty", "frequency_penalty", "top_k", "top_p",
    "typical_p", "do_sample", "max_new_tokens", "return_full_text", "stop", "truncate",
    "watermark", "details", "decoder_input_details", "seed", "top_n_tokens", "grammar",
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
            info = {"model_id": f"hub/{self._model}", "max_total_tokens": LIMIT, "version": "3.3.0"}
            await send_json(send, 200, info)
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
            await self._refuse(self._faults.status, said, send)
        elif path in {"/generate", "/generate_stream"}:
            await self._generate(path, request, send)
        elif path == "/v1/chat/completions":
            await self._chat(path, request, send)
        else:
            await send_bytes(send, 404, b"")

    async def _refuse(self, status: int, said: dict[str, str], send: Send) -> None:
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
            await self._refuse(422, said, send)
            return
        tokens, finish = _tokens(parameters)
        prompt = len(request["inputs"].split())
        if path == "/generate":
            details = {"finish_reason": finish, "generated_tokens": len(tokens), "seed": None}
            headers = [
                (b"content-type", b"application/json"),
                (b"x-prompt-tokens", str(prompt).encode()),
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
        answer = Completion(path, request, f"hub/{self._model}", request.get("max_tokens", 16), 0)
        if not request.get("stream"):
            await send_json(send, 200, answer.whole())
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for data, _ in answer.events():
            await self._piecewise(f"data: {data}\n\n".encode(), send)
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
