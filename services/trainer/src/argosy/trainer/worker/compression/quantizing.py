"""A model in memory becomes one of small integers, in the format that engines load.

Knows llmcompressor. Does not know records or where the result goes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from argosy.trainer.worker.compression.spec import GPTQ, W8A8, CompressionSpec
from argosy.trainer.worker.failures import Unsupported
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationScheme,
    QuantizationStrategy,
    QuantizationType,
    preset_name_to_scheme,
)
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from llmcompressor.modifiers.quantization import QuantizationModifier
from torch.utils.data import DataLoader

# What choosing the next token hangs on most, and small beside the blocks of a large model.
OUTPUT_LAYER = "lm_head"
GROUP_SIZES = (128, 64, 32)


def quantize(model: Any, spec: CompressionSpec, calibration: Sequence[Sequence[int]]) -> None:
    """Changes `model`, whose blocks' linear layers get integer weights. Raises Unsupported."""
    scheme = _scheme(model, spec)
    settings: dict[str, Any] = {
        "config_groups": {"group_0": scheme},
        # The output layer, and what reads images beside the text.
        "ignore": [OUTPUT_LAYER, "re:.*vision_tower.*", "re:.*multi_modal_projector.*"],
    }
    if spec.rounding == GPTQ:
        oneshot(
            model=model,
            recipe=GPTQModifier(**settings),
            dataset=DataLoader(_rows(calibration), batch_size=None),
            num_calibration_samples=len(calibration),
            pipeline="sequential",
        )
    else:
        oneshot(model=model, recipe=QuantizationModifier(**settings), pipeline="datafree")


def save(model: Any, folder: Path) -> None:
    """Writes configuration and weights, and nothing else: the tokenizer is the base's."""
    model.save_pretrained(folder, save_compressed=True)
    for path in folder.iterdir():
        if path.name != "config.json" and not path.name.startswith("model"):
            path.unlink()


def _rows(calibration: Sequence[Sequence[int]]) -> "list[dict[str, torch.Tensor]]":
    rows = []
    for ids in calibration:
        tokens = torch.tensor([list(ids)])
        rows.append({"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
    return rows


def _scheme(model: Any, spec: CompressionSpec) -> QuantizationScheme:
    if spec.scheme == W8A8:
        # A scale for each output channel, and for each token's activations as it comes.
        return preset_name_to_scheme("W8A8", ["Linear"])
    return QuantizationScheme(
        targets=["Linear"],
        weights=QuantizationArgs(
            num_bits=4 if spec.scheme == "w4a16" else 8,
            type=QuantizationType.INT,
            strategy=QuantizationStrategy.GROUP,
            group_size=_group_size(model, spec),
            symmetric=True,
            dynamic=False,
        ),
    )


def _group_size(model: Any, spec: CompressionSpec) -> int:
    widths = set(_widths(model))
    fitting = [size for size in GROUP_SIZES if all(width % size == 0 for width in widths)]
    if spec.group_size in fitting:
        return spec.group_size
    if spec.group_size is None and fitting:
        return fitting[0]
    told = ", ".join(str(width) for width in sorted(widths))
    able = " or ".join(str(size) for size in fitting)
    raise Unsupported(
        f"argosy.group_size {spec.group_size or min(GROUP_SIZES)} does not divide this model's "
        f"widths ({told}): "
        + (f"choose {able}" if able else "choose the scheme w8a8, which has no groups")
    )


def _widths(model: Any) -> Iterator[int]:
    """The input widths of the layers that are quantized."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and not name.endswith(OUTPUT_LAYER):
            yield module.in_features
