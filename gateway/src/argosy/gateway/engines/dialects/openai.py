"""Any server that speaks OpenAI's completions: no gauges, no adapters.

Health is `/v1/models`, which every such server has.
"""

from __future__ import annotations

from argosy.gateway.engines.dialects.base import Call, Gauges


class OpenAI:
    """Plain OpenAI."""

    name = "openai"
    health = Call("GET", "/v1/models")
    metrics = None
    adapters = None

    def gauges(self, body: bytes) -> Gauges:
        return Gauges()
