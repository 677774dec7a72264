"""Any server that speaks OpenAI's completions: no gauges, no adapters.

Health is `/v1/models`, which every such server has. Many of them list one name and take any, so the
list decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from argosy.gateway.engines.call import Call
from argosy.gateway.engines.dialects.base import Card, Gauges


class ListedModel(msgspec.Struct):
    """An entry of `/v1/models`. vLLM names an adapter's base as its parent."""

    id: str
    parent: str | None = None
    max_model_len: int | None = None


class _Models(msgspec.Struct):
    data: list[ListedModel]


def base_models(body: bytes) -> list[ListedModel] | None:
    """Return the base models that an answer to `/v1/models` lists; None if it cannot be read."""
    try:
        models = msgspec.json.decode(body, type=_Models).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [model for model in models if not model.parent]


class OpenAI:
    """Plain OpenAI."""

    name = "openai"
    health = Call("GET", "/v1/models")
    metrics = None
    adapters = None
    card = None
    salts_cache = False
    tells_counts = False

    def gauges(self, body: bytes) -> Gauges:
        return Gauges()

    def read_card(self, body: bytes) -> Card | None:
        return Card()

    def call(self, path: str, body: bytes, *, stream: bool) -> Call:
        return Call("POST", path, body)

    def translator(
        self, path: str, body: bytes, headers: Mapping[bytes, bytes], *, stream: bool
    ) -> None:
        return None
