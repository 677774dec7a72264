"""intake.adapter_config and intake.adapter_judge: what an adapter may be made of."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.kit.errors import InvalidRequest, TooLarge
from argosy.registry.domain.artifacts import Artifact
from argosy.registry.intake.adapter_config import judge_config
from argosy.registry.intake.adapter_judge import CONFIG, WEIGHTS, AdapterJudge
from argosy.registry.intake.artifacts import ArtifactLimits
from argosy.registry.intake.problems import Problem

from tests.harness import adapters

LIMITS = ArtifactLimits(max_rank=16, max_bytes=100_000)


def new() -> AdapterJudge:
    return AdapterJudge(LIMITS, Artifact.LORA, None)


def run(*files: tuple[str, bytes]) -> int:
    judge = new()
    for name, data in files:
        judge.begin(name)
        for start in range(0, len(data), 100):
            judge.feed(data[start : start + 100])
    return judge.finish().rank


def test_a_good_adapter_in_either_order() -> None:
    good = [(CONFIG, adapters.config()), (WEIGHTS, adapters.weights())]
    assert run(*good) == 4
    assert run(*reversed(good)) == 4


def test_what_peft_writes_is_accepted() -> None:
    # The keys of peft 0.21.2's LoraConfig.to_dict() with their defaults.
    unset = dict.fromkeys(
        [
            "alora_invocation_tokens", "arrow_config", "auto_mapping", "corda_config",
            "eva_config", "exclude_modules", "kasa_config", "layer_replication", "layers_pattern",
            "layers_to_transform", "lora_ga_config", "megatron_config", "modules_to_save",
            "monteclora_config", "revision", "target_parameters", "trainable_token_indices",
            "use_bdlora", "velora_config",
        ]
    )  # fmt: skip
    config = judge_config(
        adapters.config(
            **unset,
            ensure_weight_tying=False,
            loftq_config={},
            lora_bias=False,
            megatron_core="megatron.core",
            peft_version="0.21.2",
            qalora_group_size=16,
            use_qalora=False,
        ),
        16,
    )
    assert (config.rank, config.target_modules) == (4, ("q_proj", "v_proj"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"auto_map": {"AutoModel": "evil.Model"}}, "not on the list of allowed keys"),
        ({"auto_mapping": {"parent_library": "evil"}}, "auto_mapping"),
        ({"trust_remote_code": True}, "not on the list"),
        ({"peft_type": "PROMPT_TUNING"}, "peft_type"),
        ({"peft_type": ...}, "no peft_type"),
        ({"task_type": "SEQ_CLS"}, "task_type"),
        ({"r": 17}, "from 1 to 16"),
        ({"r": 10**18}, "from 1 to 16"),
        ({"r": 0}, "from 1 to 16"),
        ({"r": True}, "r: must be"),
        ({"r": 4.0}, "r: must be"),
        ({"r": ...}, "no r"),
        ({"lora_alpha": "8"}, "lora_alpha"),
        ({"lora_alpha": 1e300}, "lora_alpha"),
        ({"lora_dropout": 2}, "lora_dropout"),
        ({"bias": "all"}, "bias"),
        ({"use_dora": True}, "use_dora"),
        ({"lora_bias": True}, "lora_bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"rank_pattern": {"q_proj": 100_000}}, "rank_pattern"),
        ({"layer_replication": [[0, 4], [2, 5]]}, "layer_replication"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"target_modules": "(a+)+$"}, "target_modules"),
        ({"target_modules": ["(a+)+$"]}, "target_modules"),
        ({"target_modules": []}, "target_modules"),
        ({"target_modules": ["x"] * 5000}, "target_modules"),
        ({"base_model_name_or_path": "x" * 5000}, "base_model_name_or_path"),
    ],
)
def test_refused_configurations(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Problem) as caught:
        judge_config(adapters.config(**changes), 16)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "adapter_model.bin", "adapter_model.pt", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "modeling_evil.py", "../adapter_config.json",
        "adapter_config.json/..", "ADAPTER_CONFIG.JSON", "adapter_config.json\0", "",
    ],
)  # fmt: skip
def test_any_other_file_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match="any other file is refused"):
        new().begin(name)


def test_repeats_gaps_and_bytes_without_a_name() -> None:
    judge = new()
    with pytest.raises(InvalidRequest, match="before a file's name"):
        judge.feed(b"x")
    judge.begin(CONFIG)
    with pytest.raises(InvalidRequest, match="sent twice"):
        judge.begin(CONFIG)
    with pytest.raises(InvalidRequest, match="safetensors is missing"):
        run((CONFIG, adapters.config()))
    with pytest.raises(InvalidRequest, match="json is missing"):
        run((WEIGHTS, adapters.weights()))


def test_sizes_are_bounded() -> None:
    with pytest.raises(TooLarge, match=r"adapter_config\.json"):
        run((CONFIG, b" " * 300_000))
    with pytest.raises(TooLarge, match="limit of 100000 bytes"):
        run((WEIGHTS, adapters.weights(16, layers=20, width=64)))


DATA = adapters.floats(*[0.5] * 32)
A, B = adapters.lora_name("A"), adapters.lora_name("B")


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ([(A, "F32", [4, 8], DATA)], "lora_A without lora_B"),
        ([(A, "F32", [8, 4], DATA), (B, "F32", [8, 4], DATA)], "matrix of the rank 4"),
        ([(A, "F32", [4, 8], DATA), (B, "F32", [4, 8], DATA)], "matrix of the rank 4"),
        ([(A, "F32", [32], DATA), (B, "F32", [8, 4], DATA)], "matrix of the rank 4"),
        ([("base_model.model.lm_head.weight", "F32", [4, 8], DATA)], "is not named"),
        ([("base_model.model.x.lora_embedding_A", "F32", [4, 8], DATA)], "is not named"),
        (
            [(adapters.lora_name(s, "k_proj"), "F32", [4, 8], DATA) for s in "AB"],
            "target_modules does not name",
        ),
        (
            [(adapters.lora_name(s, "xq_proj"), "F32", [4, 8], DATA) for s in "AB"],
            "target_modules does not name",
        ),
    ],
)
def test_tensors_must_fit_the_configuration(
    tensors: list[tuple[str, str, list[int], bytes]], reason: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        run((CONFIG, adapters.config()), (WEIGHTS, adapters.safetensors(tensors)))
    assert reason in caught.value.message


def test_the_rank_of_both_files_must_agree() -> None:
    with pytest.raises(InvalidRequest, match="rank 8"):
        run((CONFIG, adapters.config(r=8)), (WEIGHTS, adapters.weights(4)))
