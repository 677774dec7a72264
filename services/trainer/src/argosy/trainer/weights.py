"""What a base model's folder tells without loading it. Knows `config.json` and file sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from argosy.trainer.domain.memory import Architecture


def architecture(weights: Path) -> Architecture | None:
    """Return the model's shape; None if the folder does not tell."""
    try:
        config = json.loads((weights / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    # Models that see as well keep their language part's numbers one level down.
    nested = config.get("text_config")
    text: dict[str, Any] = nested if isinstance(nested, dict) else config
    hidden = _count(text, "hidden_size", "n_embed", "d_model")
    if hidden is None:
        return None
    layers = _count(text, "num_hidden_layers", "n_layer", "n_layers") or 1
    vocabulary = _count(text, "vocab_size") or 0
    # Twelve squares of the width in a block, and one matrix of the vocabulary.
    weights_in_all = 12 * layers * hidden * hidden + vocabulary * hidden
    return Architecture(hidden, layers, vocabulary, weights_in_all)


def _count(config: dict[str, Any], *names: str) -> int | None:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
