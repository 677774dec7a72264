"""Which modules of a model LoRA adapts."""

from collections.abc import Iterator
from typing import Any

import torch

EVERY = "all-linear"
# Where a model that also sees keeps what is not language.
SEEING = ("vision", "visual", "image", "multi_modal_projector", "multimodal_projector", "audio")


def target_modules(model: Any, asked: str | tuple[str, ...]) -> str | list[str]:
    """`asked`, but "all-linear" of a model that also sees means its language part only: texts do
    not teach it to see, and engines adapt no more than that."""
    if asked != EVERY:
        return list(asked) if not isinstance(asked, str) else asked
    sees = any(_is_seeing(name) for name, _ in model.named_modules())
    return sorted(_language(model)) if sees else EVERY


def _language(model: Any) -> Iterator[str]:
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head and not _is_seeing(name):
            yield name


def _is_seeing(name: str) -> bool:
    return any(word in part for part in name.split(".") for word in SEEING)
