"""intake.compressed: what a model with integer weights may be made of, and what is stored of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from argosy.kit.errors import ApiError
from argosy.registry.blobs.base_weights import read_shape
from argosy.registry.domain.artifacts import Artifact, BaseShape
from argosy.registry.intake.artifact_judge import ArtifactJudge
from argosy.registry.intake.artifacts import ArtifactLimits, Judged

from tests.harness import adapters, artifacts

LIMITS = ArtifactLimits(max_rank=16, max_bytes=100_000)
WIDTH = 32
LINEAR = "model.layers.0.self_attn.q_proj.weight"
SHAPES = {
    "model.embed_tokens.weight": [16, WIDTH],
    LINEAR: [WIDTH, WIDTH],
    "model.norm.weight": [WIDTH],
}
W8A8 = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}
W4A16 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 32}

Entry = tuple[str, str, list[int], bytes]


@pytest.fixture
def base(tmp_path: Path) -> BaseShape:
    folder = artifacts.write_base(tmp_path / "base", hidden_size=WIDTH)
    (folder / "model.safetensors").write_bytes(artifacts.tensors(SHAPES, "BF16"))
    shape = read_shape(str(folder))
    assert shape is not None
    return shape


def plain() -> list[Entry]:
    return [
        (name, "BF16", shape, b"\x00\x3f" * (shape[0] * (shape[1] if len(shape) > 1 else 1)))
        for name, shape in SHAPES.items()
        if name != LINEAR
    ]


def eight_bits() -> list[Entry]:
    # 0x7f and 0xff would be NaN, were they read as floats.
    return [
        *plain(),
        (LINEAR, "I8", [WIDTH, WIDTH], b"\x7f\xff" * (WIDTH * WIDTH // 2)),
        (f"{LINEAR}_scale", "BF16", [WIDTH, 1], b"\x00\x3f" * WIDTH),
    ]


def four_bits() -> list[Entry]:
    return [
        *plain(),
        (f"{LINEAR}_packed", "I32", [WIDTH, WIDTH // 8], b"\xff" * (4 * WIDTH * WIDTH // 8)),
        (f"{LINEAR}_scale", "BF16", [WIDTH, 1], b"\x00\x3f" * WIDTH),
        (f"{LINEAR}_shape", "I64", [2], (WIDTH).to_bytes(8, "little") * 2),
    ]


def config(weights: dict[str, Any], form: str, **changes: Any) -> bytes:
    quantization = {
        "quant_method": "compressed-tensors",
        "format": form,
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": ["lm_head"],
        **changes,
    }
    return artifacts.full_config(hidden_size=WIDTH, quantization_config=quantization)


def judge(base: BaseShape, entries: list[Entry], text: bytes, kind: Artifact) -> Judged:
    judging = ArtifactJudge(kind, LIMITS, base)
    for name, data in (("model.safetensors", adapters.safetensors(entries)), ("config.json", text)):
        judging.begin(name)
        for start in range(0, len(data), 99):
            judging.feed(data[start : start + 99])
    return judging.finish()


def compressed(base: BaseShape, entries: list[Entry], text: bytes) -> Judged:
    return judge(base, entries, text, Artifact.COMPRESSED)


def test_g02_both_formats_are_taken_and_their_configuration_is_written_anew(
    base: BaseShape,
) -> None:
    eight = compressed(base, eight_bits(), config(W8A8, "int-quantized", version="x", evil="y"))
    assert eight.whole
    stored = json.loads(eight.files["config.json"])
    assert stored["dtype"] == "bfloat16"
    found = stored["quantization_config"]
    assert found["config_groups"]["group_0"]["input_activations"]["num_bits"] == 8
    assert found.keys() == {
        "quant_method", "quantization_status", "format", "ignore", "config_groups",
    }  # fmt: skip
    four = compressed(base, four_bits(), config(W4A16, "pack-quantized"))
    found = json.loads(four.files["config.json"])["quantization_config"]
    assert found["config_groups"]["group_0"]["weights"]["group_size"] == 32
    assert found["config_groups"]["group_0"]["input_activations"] is None


def without(entries: list[Entry], ending: str) -> list[Entry]:
    return [entry for entry in entries if not entry[0].endswith(ending)]


@pytest.mark.parametrize(
    ("entries", "text", "words"),
    [
        (without(eight_bits(), "_scale"), config(W8A8, "int-quantized"), "do not fit together"),
        (without(four_bits(), "_shape"), config(W4A16, "pack-quantized"), "do not fit together"),
        (four_bits(), config(W8A8, "int-quantized"), "do not fit together"),
        (without(eight_bits(), "norm.weight"), config(W8A8, "int-quantized"), "lacks a tensor"),
        (
            [*eight_bits(), ("x.weight", "I8", [1, 1], b"\x01")],
            config(W8A8, "int-quantized"),
            "does not have",
        ),
        (
            [*eight_bits(), ("x_shape", "I64", [1], b"\x01" * 8)],
            config(W8A8, "int-quantized"),
            "belong to no weight",
        ),
        (plain(), config(W8A8, "int-quantized"), "nothing is compressed"),
        (eight_bits(), config(W8A8, "int-quantized", quant_method="awq"), "compressed-tensors"),
        (eight_bits(), config({**W8A8, "num_bits": 3}, "int-quantized"), "8 bits a channel"),
        (eight_bits(), config(W8A8, "int-quantized", ignore=["$(rm)"]), "modules' names"),
        (eight_bits(), artifacts.full_config(hidden_size=WIDTH), "quantization_config"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_the_reason(
    base: BaseShape, entries: list[Entry], text: bytes, words: str
) -> None:
    with pytest.raises(ApiError, match=words):
        compressed(base, entries, text)


def test_integers_are_taken_in_compressed_models_only(base: BaseShape) -> None:
    with pytest.raises(ApiError, match="must be one of BF16, F16, F32"):
        judge(base, eight_bits(), artifacts.full_config(hidden_size=WIDTH), Artifact.FULL)
