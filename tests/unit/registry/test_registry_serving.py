"""domain.serving: what may be asked of a base model, and who serves what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from argosy.api import records
from argosy.registry.domain.architectures import ARCHITECTURES, known
from argosy.registry.domain.artifacts import Artifact, BaseShape
from argosy.registry.domain.models import Adapter, CatalogModel, ModelKind
from argosy.registry.domain.serving import abilities, serving_pool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOTH = {"main": "vllm", "spare": "transformers"}
ONLY_VLLM = {"main": "vllm"}


def base(architecture: str = "LlamaForCausalLM", pool: str = "main") -> CatalogModel:
    return CatalogModel(
        "base-one", ModelKind.BASE, "tests", 2048, True, pool, "/weights", NOW, architecture
    )


def made(artifact: Artifact = Artifact.LORA, runs_on: str = "") -> Adapter:
    return Adapter(
        "ft:base-one:argosy::abcd1234", ModelKind.TUNED, "proj", "argosy", "base-one", "ftjob", 1,
        4, "folder", "sha", NOW, artifact, runs_on=runs_on,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "artifact", "engines", "pool"),
    [
        ("LlamaForCausalLM", Artifact.LORA, BOTH, "main"),
        ("", Artifact.LORA, BOTH, "main"),
        ("BloomForCausalLM", Artifact.LORA, BOTH, "spare"),
        ("BloomForCausalLM", Artifact.LORA, ONLY_VLLM, ""),
        ("LlamaForCausalLM", Artifact.PROMPT_TUNING, BOTH, "spare"),
        ("LlamaForCausalLM", Artifact.FULL, BOTH, "spare"),
        ("LlamaForCausalLM", Artifact.REWARD, BOTH, "spare"),
        ("LlamaForCausalLM", Artifact.PROMPT_TUNING, ONLY_VLLM, ""),
        ("LlamaForCausalLM", Artifact.LORA, {"main": "transformers"}, "main"),
        ("LlamaForCausalLM", Artifact.LORA, {"main": "tgi", "spare": "transformers"}, "spare"),
        ("LlamaForCausalLM", Artifact.LORA, {"other": "vllm"}, ""),
    ],
)
def test_who_serves_what_a_run_made(
    architecture: str, artifact: Artifact, engines: dict[str, str], pool: str
) -> None:
    assert serving_pool(made(artifact), base(architecture), engines) == pool


def test_an_adapter_of_other_weights_than_vllm_has_goes_elsewhere() -> None:
    assert serving_pool(made(runs_on="ft:whole"), base(), BOTH) == "spare"


def test_a04_bloomz_is_servable_and_can_be_tuned_with_lora() -> None:
    bloom = base("BloomForCausalLM")
    able = abilities(bloom, BOTH)
    assert not able.unservable
    assert records.LORA in able.scales
    assert records.SFT in able.methods
    # Without an engine that loads its adapters nothing may be trained on it.
    alone = abilities(bloom, ONLY_VLLM)
    assert (alone.scales, alone.methods) == ((), ())
    assert "engine transformers" in alone.untrainable


@pytest.mark.parametrize(
    ("architecture", "vllm", "transformers"),
    [
        ("ChatGLMModel", True, False),
        ("RwkvForCausalLM", False, True),
        ("MptForCausalLM", False, True),
        ("FalconForCausalLM", True, True),
        ("BaichuanForCausalLM", False, False),
    ],
)
def test_a03_servable_tells_the_truth(architecture: str, vllm: bool, transformers: bool) -> None:
    for pool, can in (("main", vllm), ("spare", transformers)):
        able = abilities(base(architecture, pool), BOTH)
        assert (not able.unservable) is can, able.unservable
        assert can or architecture in able.unservable


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
@pytest.mark.parametrize("engines", [BOTH, ONLY_VLLM])
def test_nothing_trains_and_then_cannot_answer(architecture: str, engines: dict[str, str]) -> None:
    able = abilities(base(architecture), engines)
    assert bool(able.scales) is not bool(able.untrainable)
    for scale in able.scales:
        assert serving_pool(made(Artifact(scale)), base(architecture), engines)
    if records.REWARD in able.methods:
        assert serving_pool(made(Artifact.REWARD), base(architecture), engines)
    found = known(architecture)
    assert found is not None
    assert not able.scales or found.transformers


def test_what_is_unknown_is_served_on_the_operators_word_and_not_trained() -> None:
    able = abilities(base("NovelForCausalLM"), BOTH)
    assert not able.unservable
    assert "NovelForCausalLM" in able.untrainable
    # Weights that the registry cannot read: an adapter can be checked by itself, all weights not.
    unread = abilities(base(""), BOTH)
    assert unread.scales == (records.LORA, records.PROMPT_TUNING)


def test_g01_quantized_weights_take_no_adapters() -> None:
    packed = BaseShape({"quantization_config": {"quant_method": "compressed-tensors"}}, {})
    assert packed.quantization == "compressed-tensors"
    assert BaseShape({"quantization_config": None}, {}).quantization == ""
    able = abilities(replace(base(), quantization=packed.quantization), BOTH)
    assert (able.unservable, able.scales) == ("", ())
    assert "Tune the model that it was made from" in able.untrainable


def test_the_operator_may_say_no_and_vectors_are_not_trained() -> None:
    assert "catalogue" in abilities(replace(base(), trainable=False), BOTH).untrainable
    vectors = replace(base(), kind=ModelKind.EMBEDDING, pool="")
    assert abilities(vectors, BOTH).untrainable
