"""What a checkpoint's folder holds: files that are the result, and files to go on from.

Knows names. Does not know what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

ADAPTER: Final = frozenset({"adapter_config.json", "adapter_model.safetensors"})
# Tokenizer and template are the base's, which the registry has.
_WHOLE: Final = re.compile(
    r"config\.json|model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json"
)


def result_files(names: Iterable[str]) -> list[str]:
    """Return which of a checkpoint's files make the model, in a fixed order."""
    return sorted(name for name in names if name in ADAPTER or _WHOLE.fullmatch(name))


def missing(names: Iterable[str]) -> set[str]:
    """Return what a checkpoint lacks to be a model: an adapter's two files, or a whole model."""
    present = set(names)
    if "config.json" in present:
        weights = any(name.endswith(".safetensors") for name in present)
        return set() if weights else {"model.safetensors"}
    return set(ADAPTER) - present
