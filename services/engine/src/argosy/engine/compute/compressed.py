"""Weights that were stored as small integers: how they are loaded, and what they take in memory.

They are unpacked once, on loading: this library has no kernels for integers, and unpacking them for
each token anew takes longer than computing. So a compressed model is small on disk and in transit,
and in memory as large as its original.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from compressed_tensors.quantization import disable_quantization
from transformers import CompressedTensorsConfig

_METHOD: Final = "compressed-tensors"
_PACKED: Final = "_packed"
_WORD_BITS: Final = 32


def is_compressed(config: Mapping[str, Any]) -> bool:
    """Tell whether a config.json is of such weights."""
    found = config.get("quantization_config")
    return isinstance(found, Mapping) and found.get("quant_method") == _METHOD


def loading(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the loader's arguments that unpack the weights; none where nothing is packed."""
    if not is_compressed(config):
        return {}
    return {"quantization_config": CompressedTensorsConfig(dequantize=True)}


def without_rounding(model: Any) -> None:
    """Let layers compute as plain ones do: activations that are rounded to integers and back, layer
    by layer, double the time of a token (measured), and make no answer better."""
    model.apply(disable_quantization)


def numbers(folder: Path, config: Mapping[str, Any]) -> int:
    """Return how many numbers there are once they are unpacked. Raises OSError and ValueError."""
    group = next(iter(config["quantization_config"]["config_groups"].values()))
    packed_in_a_word = _WORD_BITS // int(group["weights"]["num_bits"])
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            count = math.prod(entry["shape"])
            total += count * (packed_in_a_word if name.endswith(_PACKED) else 1)
    return total
