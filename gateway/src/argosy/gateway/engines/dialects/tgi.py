"""Text Generation Inference, 2.1 and later: its own route for completions, OpenAI's for chat.

`/v1/completions` goes through `/generate` and `/generate_stream`, whose forms `tgi_generate.py`
and `tgi_answers.py` translate; `/v1/chat/completions` is TGI's own OpenAI route, near enough to
OpenAI's for `tgi_chat.py` to mend. After `docs/openapi.json` and the router's source of TGI 2.4.
Adapters are fixed when it starts. It tells no use of its KV cache and no start time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from argosy.gateway.engines.call import Call
from argosy.gateway.engines.dialects.base import Card, Gauges, Translator
from argosy.gateway.engines.dialects.tgi_answers import StreamTranslator, WholeTranslator
from argosy.gateway.engines.dialects.tgi_chat import ChatStream, ChatWhole, chat_body
from argosy.gateway.engines.dialects.tgi_generate import generate_body, model_and_stops

_CHAT: Final = "/v1/chat/completions"
_COMPLETIONS: Final = "/v1/completions"
_GAUGE: Final = re.compile(
    rb"^(tgi_queue_size|tgi_batch_current_size)(?:\{[^}\n]*\})? ([0-9.eE+-]+)\s*$", re.MULTILINE
)


class _Info(msgspec.Struct):
    model_id: str = ""
    max_total_tokens: int = 0


class TGI:
    """Text Generation Inference."""

    name = "tgi"
    health = Call("GET", "/health")
    metrics = Call("GET", "/metrics")
    card = Call("GET", "/info")
    adapters = None
    salts_cache = False
    tells_counts = False

    def gauges(self, body: bytes) -> Gauges:
        found = {name: float(value) for name, value in _GAUGE.findall(body)}
        return Gauges(
            running=int(found.get(b"tgi_batch_current_size", 0)),
            waiting=int(found.get(b"tgi_queue_size", 0)),
        )

    def read_card(self, body: bytes) -> Card | None:
        try:
            info = msgspec.json.decode(body, type=_Info)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return Card((info.model_id,), None, info.max_total_tokens)

    def call(self, path: str, body: bytes, *, stream: bool) -> Call:
        if path == _CHAT:
            return Call("POST", path, chat_body(body))
        if path != _COMPLETIONS:
            return Call("POST", path, body)
        target = "/generate_stream" if stream else "/generate"
        return Call("POST", target, generate_body(body))

    def translator(
        self, path: str, body: bytes, headers: Mapping[bytes, bytes], *, stream: bool
    ) -> Translator | None:
        if path not in {_COMPLETIONS, _CHAT}:
            return None
        model, stops = model_and_stops(body)
        if path == _CHAT:
            return ChatStream(model, stops) if stream else ChatWhole(model, stops)
        if stream:
            return StreamTranslator(model, stops)
        return WholeTranslator(model, headers, stops)
