"""Which pool serves what a run made.

Knows pools by their engine and the table of architectures. Does not know replicas (the gateway).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.registry.domain.architectures import known
from argosy.registry.domain.artifacts import Artifact
from argosy.registry.domain.models import Adapter, CatalogModel

VLLM: Final = "vllm"
TRANSFORMERS: Final = "transformers"


def serving_pool(adapter: Adapter, base: CatalogModel, engines: Mapping[str, str]) -> str:
    """Return the pool that can serve the artefact, empty if none can.

    `engines` names each pool's engine. Beside its base where the engine there can load it, else in
    the first pool, by name, whose engine loads anything. While it runs, vLLM loads LoRA adapters of
    the weights that it was started with, of most architectures, and nothing else.
    """
    engine = engines.get(base.pool)
    if engine == TRANSFORMERS:
        return base.pool
    found = known(base.architecture)
    if (
        engine == VLLM
        and adapter.artifact is Artifact.LORA
        and not adapter.runs_on
        and (found is None or found.vllm_lora)
    ):
        return base.pool
    return next((name for name in sorted(engines) if engines[name] == TRANSFORMERS), "")
