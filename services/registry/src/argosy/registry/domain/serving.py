"""Which pool serves what a run made, and what may be asked of a base model at all.

A model that could be trained and then not answer is not trainable: the two are decided here from
the same tables. Knows pools by their engine and the table of architectures. Does not know replicas
(the gateway) or runs (the trainer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from argosy.api import records
from argosy.registry.domain.architectures import Architecture, known
from argosy.registry.domain.artifacts import Artifact
from argosy.registry.domain.models import Adapter, CatalogModel, ModelKind

VLLM: Final = "vllm"
TRANSFORMERS: Final = "transformers"


_ANYTHING: Final = Architecture()


@dataclass(frozen=True, slots=True)
class Abilities:
    """What may be asked of a model; where nothing may, the reason in a sentence."""

    unservable: str = ""
    scales: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    untrainable: str = ""


def serving_pool(adapter: Adapter, base: CatalogModel, engines: Mapping[str, str]) -> str:
    """Return the pool that can serve the artefact, empty if none can.

    `engines` names each pool's engine. Beside its base where the engine there can load it, else in
    the first pool, by name, whose engine loads anything. While it runs, vLLM loads LoRA adapters of
    the weights that it was started with, of most architectures, and nothing else.
    """
    engine = engines.get(base.pool)
    if engine == TRANSFORMERS:
        return base.pool
    found = known(base.architecture) or _ANYTHING
    if (
        engine == VLLM
        and adapter.artifact is Artifact.LORA
        and not adapter.runs_on
        and found.vllm_lora
    ):
        return base.pool
    return _loads_anything(engines)


def abilities(model: CatalogModel, engines: Mapping[str, str]) -> Abilities:
    """Return what may be asked of the model, given the engine of each pool."""
    if model.kind is not ModelKind.BASE:
        return Abilities(untrainable="It is not a language model.")
    found = known(model.architecture)
    engine = engines.get(model.pool, "")
    unservable = _unservable(model.architecture, found, engine)
    untrainable = _untrainable(model, found)
    if untrainable:
        return Abilities(unservable=unservable, untrainable=untrainable)
    scales = _scales(model.architecture, found or _ANYTHING, engine, engines)
    if not scales:
        return Abilities(
            unservable,
            untrainable="No engine of this installation can load what a job would make of a "
            f"{model.architecture or 'model'}: add a pool with the engine transformers.",
        )
    scored = bool(_loads_anything(engines)) and (found or _ANYTHING).score_head
    able = {records.REWARD: scored, records.COMPRESSION: records.FULL in scales}
    methods = tuple(m for m in records.METHODS if able.get(m, True))
    return Abilities(unservable, scales, methods)


def _unservable(architecture: str, found: Architecture | None, engine: str) -> str:
    if found is None:
        # Not on our list: its operator has named an engine for it.
        return ""
    if (engine == VLLM and not found.vllm) or (engine == TRANSFORMERS and not found.transformers):
        other = TRANSFORMERS if engine == VLLM else VLLM
        able = found.transformers if engine == VLLM else found.vllm
        way = f"give it a pool with the engine {other}" if able else "and no other engine has"
        return f"The engine {engine} has no code for {architecture}: {way}."
    return ""


def _untrainable(model: CatalogModel, found: Architecture | None) -> str:
    if not model.trainable:
        return "The catalogue does not list it as trainable."
    if model.quantization:
        return (
            f"Its weights are quantized ({model.quantization}): they cannot be trained, and the "
            "engine fails with adapters on them. Tune the model that it was made from."
        )
    if model.architecture and found is None:
        return (
            f"Nobody has seen tuned results of a {model.architecture} answer: it is not on the "
            "list of architectures."
        )
    if found is not None and not found.transformers:
        return f"transformers, which trains, has no code for {model.architecture}."
    return ""


def _scales(
    architecture: str, found: Architecture, engine: str, engines: Mapping[str, str]
) -> tuple[str, ...]:
    anything = bool(_loads_anything(engines))
    can = {
        records.LORA: found.lora and (anything or (engine == VLLM and found.vllm_lora)),
        # Held against the base's own weights, which must be there to read.
        records.FULL: anything and bool(architecture),
        records.PROMPT_TUNING: anything and found.prompt_tuning,
    }
    return tuple(scale for scale in records.SCALES if can[scale])


def _loads_anything(engines: Mapping[str, str]) -> str:
    return next((name for name in sorted(engines) if engines[name] == TRANSFORMERS), "")
