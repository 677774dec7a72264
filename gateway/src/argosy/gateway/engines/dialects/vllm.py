"""vLLM's OpenAI server, 0.11 and later: gauges, and adapters loaded while it runs.

Adapters need `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True. `/v1/models` lists what the
front end has registered, which is what a request by name needs; it does not tell what sits in a
GPU slot. Unloading deletes only the front end's entry, and nothing else ever does: the registry
grows without bound unless someone unloads.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from argosy.gateway.engines.dialects.base import Call, Gauges, engine_message

_GAUGE: Final = re.compile(
    rb"^(vllm:num_requests_running|vllm:num_requests_waiting|vllm:kv_cache_usage_perc"
    rb"|process_start_time_seconds)(?:\{[^}\n]*\})? ([0-9.eE+-]+)\s*$",
    re.MULTILINE,
)


class _Card(msgspec.Struct):
    id: str
    parent: str | None = None


class _Cards(msgspec.Struct):
    data: list[_Card]


class VLLMAdapters:
    """vLLM's run-time LoRA routes."""

    def listing(self) -> Call:
        return Call("GET", "/v1/models")

    def listed(self, body: bytes) -> set[str]:
        return {card.id for card in msgspec.json.decode(body, type=_Cards).data if card.parent}

    def load(self, name: str, path: str) -> Call:
        body = msgspec.json.encode({"lora_name": name, "lora_path": path})
        return Call("POST", "/v1/load_lora_adapter", body)

    def unload(self, name: str) -> Call:
        return Call("POST", "/v1/unload_lora_adapter", msgspec.json.encode({"lora_name": name}))

    def already_loaded(self, status: int, body: bytes) -> bool:
        return status == 400 and "has already been loaded" in engine_message(body).message

    def unknown_model(self, status: int, body: bytes) -> bool:
        return status == 404 and "does not exist" in engine_message(body).message


class VLLM:
    """vLLM."""

    name = "vllm"
    health = Call("GET", "/health")
    metrics = Call("GET", "/metrics")

    def __init__(self) -> None:
        self.adapters = VLLMAdapters()

    def gauges(self, body: bytes) -> Gauges:
        sums: dict[bytes, float] = {}
        for name, value in _GAUGE.findall(body):
            # One line for each data-parallel engine core: work adds up, so do caches.
            sums[name] = sums.get(name, 0.0) + float(value)
        cores = max(1, len(re.findall(rb"^vllm:kv_cache_usage_perc[{ ]", body, re.MULTILINE)))
        return Gauges(
            running=int(sums.get(b"vllm:num_requests_running", 0)),
            waiting=int(sums.get(b"vllm:num_requests_waiting", 0)),
            kv_cache_usage=sums.get(b"vllm:kv_cache_usage_perc", 0.0) / cores,
            start_time=sums.get(b"process_start_time_seconds"),
        )
