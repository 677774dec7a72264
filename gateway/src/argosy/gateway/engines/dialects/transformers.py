"""Argosy's own engine (`services/engine`): everything is loaded by name, nothing is there before.

It speaks vLLM's routes and gauges. A load tells besides where the weights are that an artefact
needs; base models come the same way. It needs no slots: whoever is asked for is brought.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.call import Call
from argosy.gateway.engines.dialects.base import Card, Gauges
from argosy.gateway.engines.dialects.openai import ListedModel
from argosy.gateway.engines.dialects.vllm import VLLM, VLLMAdapters


class _Cards(msgspec.Struct):
    data: list[ListedModel]


class _Loading(VLLMAdapters):
    """vLLM's run-time routes, for models of every kind."""

    def listed(self, body: bytes) -> set[str]:
        return {card.id for card in msgspec.json.decode(body, type=_Cards).data}

    def load(self, model: Model) -> Call:
        body = {
            "lora_name": model.id,
            "lora_path": model.adapter_path,
            "base_path": model.weights_path,
            "base_name": model.base,
        }
        return Call("POST", "/v1/load_lora_adapter", msgspec.json.encode(body))


class Transformers:
    """Argosy's own engine."""

    name = "transformers"
    health = Call("GET", "/health")
    metrics = Call("GET", "/metrics")
    # It has no model of its own that could be asked without a load.
    card = None
    salts_cache = False
    tells_counts = False

    def __init__(self) -> None:
        self.adapters = _Loading()
        self._like = VLLM()

    def gauges(self, body: bytes) -> Gauges:
        return self._like.gauges(body)

    def read_card(self, body: bytes) -> Card | None:
        return Card()

    def call(self, path: str, body: bytes, *, stream: bool) -> Call:
        return Call("POST", path, body)

    def translator(
        self, path: str, body: bytes, headers: Mapping[bytes, bytes], *, stream: bool
    ) -> None:
        return None
