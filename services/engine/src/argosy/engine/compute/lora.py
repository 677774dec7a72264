"""LoRA at work: what each adapter adds to the linear layers of one model, row by row of a batch.

A hook behind each layer adds B(A(x)) · scale for the rows whose adapter has the layer, so that
requests of many adapters share one batch and one copy of the weights; adding and dropping an
adapter touches no module of the model. Source of the formula: Hu et al., "LoRA" (2021); scales
as peft computes them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from argosy.engine.artifacts import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from argosy.engine.errors import Broken
from safetensors.torch import load_file

_NAME: Final = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_SCORE: Final = "base_model.model.score.weight"

# A and B, the latter with the scale in it.
Pair = tuple[torch.Tensor, torch.Tensor]


class Lora:
    """One adapter's matrices by module, and its score head if it has one."""

    def __init__(self, folder: Path, model: Any) -> None:
        """Read the files; raises Broken where they do not fit the model."""
        try:
            tensors = load_file(folder / ADAPTER_WEIGHTS)
            config = json.loads((folder / ADAPTER_CONFIG).read_text("utf-8"))
            scale = _scale(config)
        except (OSError, ValueError, KeyError) as error:
            raise Broken("The adapter's files cannot be read.") from error
        dtype, device = model.dtype, model.device
        score = tensors.pop(_SCORE, None)
        self.score = None if score is None else score.to(device, torch.float32)
        sides: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            match = _NAME.fullmatch(name)
            if match is None:
                raise Broken("The adapter holds a tensor that this engine cannot place.")
            sides.setdefault(match["module"], {})[match["side"]] = tensor.to(device, dtype)
        self.pairs: dict[str, Pair] = {
            module: (found["A"], found["B"] * scale) for module, found in sides.items()
        }
        self.bytes = sum(t.numel() * t.element_size() for p in self.pairs.values() for t in p)


class Adapters:
    """The adapters of one model; `active` says whose each row of the batch is."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._loras: dict[str, Lora] = {}
        self._hooked: set[str] = set()
        # Rows by the adapter's name; None for all rows of a batch that has one adapter.
        self._rows: tuple[tuple[str, torch.Tensor | None], ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self._loras

    @property
    def bytes(self) -> int:
        """What all adapters take."""
        return sum(lora.bytes for lora in list(self._loras.values()))

    def add(self, name: str, lora: Lora) -> None:
        """Have the adapter ready; raises Broken where the model has no such layer."""
        for module_name in lora.pairs:
            if module_name not in self._hooked:
                try:
                    module = self._model.get_submodule(module_name)
                except AttributeError as error:
                    raise Broken("The adapter belongs to another model.") from error
                module.register_forward_hook(self._hook(module_name))
                self._hooked.add(module_name)
        self._loras[name] = lora

    def drop(self, name: str) -> None:
        """Forget an adapter."""
        self._loras.pop(name, None)

    def get(self, name: str) -> Lora:
        """Return a loaded adapter."""
        return self._loras[name]

    def use(self, names: Sequence[str]) -> None:
        """Say whose each row of the next batch is; empty names have no adapter."""
        kinds = set(names)
        if kinds == {""}:
            self._rows = ()
        elif len(kinds) == 1:
            self._rows = ((names[0], None),)
        else:
            device = self._model.device
            self._rows = tuple(
                (kind, torch.tensor([i for i, n in enumerate(names) if n == kind], device=device))
                for kind in sorted(kinds - {""})
            )

    def _hook(self, module_name: str) -> Any:
        def add(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> Any:
            for name, rows in self._rows:
                pair = self._loras[name].pairs.get(module_name)
                if pair is None:
                    continue
                a, b = pair
                if rows is None:
                    output = output + (inputs[0] @ a.T) @ b.T
                else:
                    output = output.index_add(0, rows, (inputs[0][rows] @ a.T) @ b.T)
            return output

        return add


def _scale(config: dict[str, Any]) -> float:
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
