"""How each kind of engine is spoken to: paths, gauges, adapters, error bodies.

To add one: write a class behind the protocol in `base.py` and name it in `by_name`.
"""

from __future__ import annotations

from argosy.gateway.engines.dialects.base import Dialect
from argosy.gateway.engines.dialects.openai import OpenAI
from argosy.gateway.engines.dialects.tgi import TGI
from argosy.gateway.engines.dialects.transformers import Transformers
from argosy.gateway.engines.dialects.vllm import VLLM


def by_name(engine: str) -> Dialect:
    """Return the dialect of a pool's `engine` setting; unknown ones speak plain OpenAI."""
    if engine == "vllm":
        return VLLM()
    if engine == "transformers":
        return Transformers()
    return TGI() if engine == "tgi" else OpenAI()
