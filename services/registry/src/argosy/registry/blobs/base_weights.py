"""The folder of a base model's weights, in Hugging Face's form, as the operator put it there.

Reads what an artefact is held against (configuration, names and shapes of the tensors) and the
files that it takes over. Knows no rules. The folder may be on a machine that the registry does not
see, or a hub's name: then there is nothing to read.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Final

from argosy.registry.domain.artifacts import BaseShape

# What turns text into tokens and back, and how to generate: never taken from an upload.
TAKEN_OVER: Final = (
    "added_tokens.json", "chat_template.jinja", "generation_config.json", "merges.txt",
    "preprocessor_config.json", "processor_config.json", "special_tokens_map.json",
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
)  # fmt: skip
_MAX_CONFIG_BYTES: Final = 1 << 20
_MAX_HEADER_BYTES: Final = 64 << 20


def read_config(folder: str) -> dict[str, Any] | None:
    """Return config.json; None if there is none that can be read."""
    if not Path(folder).is_absolute():
        return None
    path = Path(folder, "config.json")
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            return None
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return config if isinstance(config, dict) else None


def read_shape(folder: str) -> BaseShape | None:
    """Return the shape of the weights; None if there is no configuration."""
    config = read_config(folder)
    if config is None:
        return None
    tensors: dict[str, tuple[int, ...]] = {}
    try:
        for path in sorted(Path(folder).glob("model*.safetensors")):
            tensors |= _header(path)
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        tensors = {}
    return BaseShape(config, tensors)


def taken_over(folder: str) -> list[Path]:
    """Return the files that a full model shares with its base."""
    return [path for name in TAKEN_OVER if (path := Path(folder, name)).is_file()]


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        if size > _MAX_HEADER_BYTES:
            raise ValueError("the header is too large")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {name: tuple(entry["shape"]) for name, entry in header.items()}
