"""What a training run leaves behind, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Artifact(StrEnum):
    """What a tuned model's files are."""

    LORA = "lora"
    PROMPT_TUNING = "prompt_tuning"
    FULL = "full"
    REWARD = "reward"
    COMPRESSED = "compressed"


@dataclass(frozen=True, slots=True)
class BaseShape:
    """A base's config.json and its tensors' shapes by name; no tensors where none can be read."""

    config: Mapping[str, Any]
    tensors: Mapping[str, tuple[int, ...]]

    @property
    def architecture(self) -> str:
        """The class that its weights belong to; empty if the configuration does not say."""
        named = self.config.get("architectures")
        return named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""

    @property
    def quantization(self) -> str:
        """How the weights are packed, as their maker calls it; empty for plain numbers."""
        packed = self.config.get("quantization_config")
        if not isinstance(packed, Mapping):
            return ""
        return str(packed.get("quant_method") or "unknown")
