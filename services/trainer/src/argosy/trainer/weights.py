"""What a base model's folder tells without loading it. Knows `config.json` only."""

from __future__ import annotations

import json
from pathlib import Path


def hidden_size(weights: Path) -> int | None:
    """Return the model's width; None if the folder does not tell."""
    try:
        config = json.loads((weights / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    # Models that see as well keep their language part's numbers one level down.
    nested = config.get("text_config")
    width = (nested if isinstance(nested, dict) else config).get("hidden_size")
    return width if isinstance(width, int) and width > 0 else None
