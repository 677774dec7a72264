"""vLLM's OpenAI server, 0.11 and later: gauges, and adapters loaded while it runs.

Adapters need `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True. `/v1/models` lists what the
front end has registered, which is what a request by name needs; it does not tell what sits in a
GPU slot. Unloading deletes only the front end's entry, and nothing else ever does: the registry
grows without bound unless someone unloads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.call import Call
from argosy.gateway.engines.dialects.base import Card, Counts, Gauges, engine_message
from argosy.gateway.engines.dialects.openai import ListedModel, base_models

_GAUGE: Final = re.compile(
    rb"^(vllm:num_requests_running|vllm:num_requests_waiting|vllm:kv_cache_usage_perc"
    rb"|vllm:prompt_tokens_total|vllm:prompt_tokens_cached_total|vllm:generation_tokens_total"
    rb"|process_start_time_seconds)(?:\{[^}\n]*\})? ([0-9.eE+-]+)\s*$",
    re.MULTILINE,
)

# Each set of labels is a series of its own and stays; the value is when it held, in Unix time.
_LORA_INFO: Final = re.compile(
    rb"^vllm:lora_requests_info\{([^}\n]*)\} ([0-9.eE+-]+)\s*$", re.MULTILINE
)
# What the lane asks of every engine, and what it asks of this one. A client's own text cannot hold
# it: quotes are escaped there.
_TELLS: Final = b'"stream_options":{"include_usage":true}'
_COUNTS: Final = b'"stream_options":{"include_usage":true,"continuous_usage_stats":true}'

_LABEL: Final = re.compile(rb'(\w+)="([^"]*)"')


class _Cards(msgspec.Struct):
    data: list[ListedModel]


class VLLMAdapters:
    """vLLM's run-time LoRA routes."""

    def listing(self) -> Call:
        return Call("GET", "/v1/models")

    def listed(self, body: bytes) -> set[str]:
        return {card.id for card in msgspec.json.decode(body, type=_Cards).data if card.parent}

    def load(self, model: Model) -> Call:
        body = msgspec.json.encode({"lora_name": model.id, "lora_path": model.adapter_path})
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
    card = Call("GET", "/v1/models")
    salts_cache = True
    tells_counts = True

    def __init__(self) -> None:
        self.adapters = VLLMAdapters()

    def gauges(self, body: bytes) -> Gauges:
        sums: dict[bytes, float] = {}
        for name, value in _GAUGE.findall(body):
            # One line for each data-parallel engine core: work adds up, so do caches.
            sums[name] = sums.get(name, 0.0) + float(value)
        max_loras, active = _adapters(body)
        cores = max(1, len(re.findall(rb"^vllm:kv_cache_usage_perc[{ ]", body, re.MULTILINE)))
        return Gauges(
            running=int(sums.get(b"vllm:num_requests_running", 0)),
            waiting=int(sums.get(b"vllm:num_requests_waiting", 0)),
            kv_cache_usage=sums.get(b"vllm:kv_cache_usage_perc", 0.0) / cores,
            start_time=sums.get(b"process_start_time_seconds"),
            max_loras=max_loras,
            active_adapters=active,
            counts=_counts(sums),
        )

    def read_card(self, body: bytes) -> Card | None:
        models = base_models(body)
        if models is None:
            return None
        names = tuple(model.id for model in models)
        lengths = [model.max_model_len or 0 for model in models]
        # Another name is answered with 404.
        return Card(names, frozenset(names), max(lengths, default=0))

    def call(self, path: str, body: bytes, *, stream: bool) -> Call:
        if stream:
            # Asked to count as it goes, it tells what an answer that breaks off has come to.
            head, found, tail = body.rpartition(_TELLS)
            if found:
                body = head + _COUNTS + tail
        return Call("POST", path, body)

    def translator(
        self, path: str, body: bytes, headers: Mapping[bytes, bytes], *, stream: bool
    ) -> None:
        return None


def _counts(sums: Mapping[bytes, float]) -> Counts | None:
    """Return what it has done in all; none where it tells only half of it."""
    read, written = (
        sums.get(name) for name in (b"vllm:prompt_tokens_total", b"vllm:generation_tokens_total")
    )
    if read is None or written is None:
        return None
    return Counts(int(read), int(sums.get(b"vllm:prompt_tokens_cached_total", 0)), int(written))


def _adapters(body: bytes) -> tuple[int, frozenset[str]]:
    """Return the number of slots and the adapters in use, 0 and none before the first one."""
    series = max(_LORA_INFO.findall(body), key=lambda found: float(found[1]), default=None)
    if series is None:
        return 0, frozenset()
    labels = dict(_LABEL.findall(series[0]))
    names = b",".join(
        labels.get(key, b"") for key in (b"running_lora_adapters", b"waiting_lora_adapters")
    )
    slots = labels.get(b"max_lora", b"")
    return (
        int(slots) if slots.isdigit() else 0,
        frozenset(name for name in names.decode("utf-8", "replace").split(",") if name),
    )
