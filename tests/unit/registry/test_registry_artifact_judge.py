"""intake.artifact_judge: what prompt-tuning, whole and reward models may be made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from argosy.kit.errors import ApiError
from argosy.registry.blobs.base_weights import read_shape
from argosy.registry.domain.artifacts import Artifact, BaseShape
from argosy.registry.intake.artifact_judge import ArtifactJudge
from argosy.registry.intake.artifacts import ArtifactLimits, Judged

from tests.harness import adapters, artifacts
from tests.harness.artifacts import SHAPES, WIDTH

LIMITS = ArtifactLimits(max_rank=16, max_bytes=100_000)
FULL, REWARD, PROMPT = Artifact.FULL, Artifact.REWARD, Artifact.PROMPT_TUNING


@pytest.fixture
def base(tmp_path: Path) -> BaseShape:
    shape = read_shape(str(artifacts.write_base(tmp_path / "base")))
    assert shape is not None
    return shape


def judge(
    artifact: Artifact, files: Iterable[tuple[str, bytes]], base: BaseShape | None
) -> tuple[Judged, set[str]]:
    """Return the verdict and the names of the files whose bytes are stored as they come."""
    judging, streamed = ArtifactJudge(artifact, LIMITS, base), set()
    for name, data in files:
        if judging.begin(name):
            streamed.add(name)
        for start in range(0, len(data), 100):
            judging.feed(data[start : start + 100])
    return judging.finish(), streamed


def test_a_prompt_is_stored_without_the_text_and_the_path_it_began_with(base: BaseShape) -> None:
    judged, streamed = judge(PROMPT, artifacts.prompt(), base)
    assert (judged.virtual_tokens, judged.rank, judged.whole) == (4, 0, False)
    assert streamed == {"adapter_model.safetensors"}
    stored = json.loads(judged.files["adapter_config.json"])
    assert (stored["num_virtual_tokens"], stored["token_dim"]) == (4, WIDTH)
    assert stored["prompt_tuning_init"] == "RANDOM"
    assert "/weights" not in str(stored)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"peft_type": "LORA"}, "peft_type"),
        ({"peft_type": ...}, "no peft_type"),
        ({"num_virtual_tokens": 513}, "from 1 to 512"),
        ({"num_virtual_tokens": 5}, "shape"),
        ({"token_dim": 16}, "width of the base"),
        ({"token_dim": ...}, "no token_dim"),
        ({"num_transformer_submodules": 2}, "num_transformer_submodules"),
        ({"tokenizer_kwargs": {"trust_remote_code": True}}, "tokenizer_kwargs"),
        ({"auto_mapping": {"parent_library": "evil"}}, "auto_mapping"),
        ({"auto_map": {}}, "not on the list"),
        ({"task_type": "SEQ_CLS"}, "task_type"),
    ],
)
def test_refused_prompts(base: BaseShape, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError) as caught:
        judge(PROMPT, artifacts.prompt(**changes), base)
    assert reason in caught.value.message


def test_a_prompt_holds_nothing_but_its_embeddings(base: BaseShape) -> None:
    more = artifacts.tensors({"prompt_embeddings": [4, WIDTH], "lm_head.weight": [16, WIDTH]})
    files = (artifacts.prompt()[0], ("adapter_model.safetensors", more))
    with pytest.raises(ApiError, match="one tensor"):
        judge(PROMPT, files, base)


def test_a_whole_model_is_stored_with_its_base_configuration(base: BaseShape) -> None:
    judged, streamed = judge(FULL, artifacts.full(), base)
    assert (judged.whole, judged.rank) == (True, 0)
    assert streamed == {"model.safetensors"}
    stored = json.loads(judged.files["config.json"])
    assert stored == {**artifacts.BASE_CONFIG, "dtype": "float32"}


def test_a_whole_model_in_shards_in_any_order(base: BaseShape) -> None:
    files = artifacts.sharded()
    judged, streamed = judge(FULL, reversed(files.items()), base)
    assert len(streamed) == 2
    index = json.loads(judged.files["model.safetensors.index.json"])
    assert set(index["weight_map"]) == set(SHAPES)
    for left_out in files:
        with pytest.raises(ApiError):
            judge(FULL, ((n, d) for n, d in files.items() if n != left_out), base)


def test_a_shared_output_layer_may_be_written_or_not(base: BaseShape) -> None:
    with_output = artifacts.full({**SHAPES, "lm_head.weight": [16, WIDTH]})
    assert judge(FULL, with_output, base)[0].whole


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"auto_map": {"AutoModelForCausalLM": "evil.Model"}}, "auto_map"),
        ({"quantization_config": {"quant_method": "evil"}}, "quantization_config"),
        ({"text_config": {"auto_map": {"a": "b"}}}, "text_config.auto_map"),
        ({"architectures": ["EvilForCausalLM"]}, "architectures"),
        ({"architectures": ...}, "no architectures"),
        ({"model_type": "evil"}, "model_type"),
        ({"num_attention_heads": 4}, "num_attention_heads"),
        ({"vocab_size": 10**9}, "vocab_size"),
    ],
)
def test_refused_configurations_of_whole_models(
    base: BaseShape, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ApiError) as caught:
        judge(FULL, artifacts.full(**changes), base)
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({**SHAPES, "evil.weight": [1]}, "does not have"),
        ({name: SHAPES[name] for name in list(SHAPES)[1:]}, "lacks a tensor"),
        ({**SHAPES, "model.norm.weight": [WIDTH + 1]}, "another shape"),
    ],
)
def test_weights_of_another_model(
    base: BaseShape, shapes: dict[str, list[int]], reason: str
) -> None:
    with pytest.raises(ApiError, match=reason):
        judge(FULL, artifacts.full(shapes), base)


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
        "generation_config.json", "modeling_evil.py", "adapter_config.json", "../config.json",
        "model-1-of-2.safetensors", "model.safetensors/../x", "",
    ],
)  # fmt: skip
def test_any_other_file_of_a_whole_model_is_refused(base: BaseShape, name: str) -> None:
    with pytest.raises(ApiError, match="any other file is refused"):
        ArtifactJudge(FULL, LIMITS, base).begin(name)


def test_a_whole_model_cannot_be_larger_than_its_base_can_be(base: BaseShape) -> None:
    bomb = artifacts.tensors({"model.embed_tokens.weight": [1 << 22, 2]})
    with pytest.raises(ApiError, match="larger than the limit"):
        judge(FULL, [("model.safetensors", bomb)], base)


def test_a_whole_model_needs_a_base_that_can_be_read() -> None:
    with pytest.raises(ApiError, match="weights_path"):
        judge(FULL, artifacts.full(), None)


def test_reward_models_of_both_forms(base: BaseShape) -> None:
    judged, _ = judge(REWARD, artifacts.reward_lora(), base)
    assert (judged.rank, judged.whole) == (4, False)
    judged, _ = judge(REWARD, artifacts.reward_full(), base)
    assert judged.whole
    stored = json.loads(judged.files["config.json"])
    assert stored["architectures"] == ["LlamaForSequenceClassification"]
    assert (stored["id2label"], stored["pad_token_id"]) == ({"0": "LABEL_0"}, 2)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (artifacts.reward_lora(task_type="CAUSAL_LM"), "task_type"),
        (artifacts.reward_lora(modules_to_save=["embed_tokens"]), "modules_to_save"),
        (artifacts.reward_lora([2, WIDTH]), "one row"),
        (artifacts.full(), "lacks a tensor"),
        (artifacts.reward_full(architectures=["LlamaForCausalLM"]), "architectures"),
    ],
)
def test_refused_reward_models(
    base: BaseShape, files: tuple[tuple[str, bytes], ...], reason: str
) -> None:
    with pytest.raises(ApiError, match=reason):
        judge(REWARD, files, base)


def test_a_score_head_is_not_for_models_that_complete(base: BaseShape) -> None:
    with pytest.raises(ApiError, match="modules_to_save"):
        judge(Artifact.LORA, artifacts.reward_lora(), base)


def test_the_matrices_of_a_lora_fit_the_base(base: BaseShape) -> None:
    good = (("adapter_config.json", adapters.config()),)
    assert (
        judge(Artifact.LORA, (*good, ("adapter_model.safetensors", adapters.weights())), base)[
            0
        ].rank
        == 4
    )
    wide = ("adapter_model.safetensors", adapters.weights(width=16))
    with pytest.raises(ApiError, match="do not fit the base"):
        judge(Artifact.LORA, (*good, wide), base)
