"""Makes LoRA adapters for tests, byte by byte: good ones, and ones that are wrong on purpose."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

WIDTH = {"F16": 2, "BF16": 2, "F32": 4}


def config(**changes: Any) -> bytes:
    """Return an adapter_config.json as peft writes it; a change to ... removes the key."""
    value: dict[str, Any] = {
        "alpha_pattern": {},
        "auto_mapping": None,
        "base_model_name_or_path": "/weights/base-one",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layers_to_transform": None,
        "lora_alpha": 8,
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": 4,
        "rank_pattern": {},
        "target_modules": ["q_proj", "v_proj"],
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
        **changes,
    }
    return json.dumps({k: v for k, v in value.items() if v is not ...}).encode()


def lora_name(side: str, module: str = "q_proj", layer: int = 0) -> str:
    return f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_{side}.weight"


def header(entries: Mapping[str, Any]) -> bytes:
    raw = json.dumps(entries).encode()
    return struct.pack("<Q", len(raw)) + raw


def safetensors(tensors: Iterable[tuple[str, str, list[int], bytes]]) -> bytes:
    """Return a file of (name, dtype, shape, data)."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, dtype, shape, raw in tensors:
        entries[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    return header(entries) + data


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def weights(rank: int = 4, *, layers: int = 1, width: int = 8) -> bytes:
    """Return a good F32 file of rank `rank` for q_proj."""
    data = floats(*[0.5] * (rank * width))
    return safetensors(
        tensor
        for layer in range(layers)
        for tensor in (
            (lora_name("A", layer=layer), "F32", [rank, width], data),
            (lora_name("B", layer=layer), "F32", [width, rank], data),
        )
    )
