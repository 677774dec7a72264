"""Weights in memory: read from a folder, with their tokenizer and what generation needs to know.

Reads local safetensors only and runs no code of a folder: a model that needs either is refused.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from argosy.engine.compute import compressed
from argosy.engine.compute.lora import Adapters
from argosy.engine.errors import Broken
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

# The most that a context is where nothing says how long it is.
_UNKNOWN_CONTEXT: Final = 2048
_LENGTHS: Final = ("max_position_embeddings", "max_seq_len", "context_length", "seq_length")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the model's own generation configuration says of sampling."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0


class Weights:
    """One model in memory. Everything but `adapters` stays as it is after loading."""

    def __init__(self, folder: Path, number_format: str) -> None:
        """Load; raises Broken."""
        try:
            self.model = _model(folder, number_format)
            self.tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
            raise Broken("The model's files cannot be loaded by this engine.") from error
        self.device = self.model.device
        self.adapters = Adapters(self.model)
        self.ends = _ends(self.model, self.tokenizer)
        self.context = _context(self.model.config)
        self.defaults = _defaults(folder)
        self.bytes = sum(p.numel() * p.element_size() for p in self.model.parameters())
        accepted = inspect.signature(self.model.forward).parameters
        # What is handed from step to step: keys and values, or the state of a recurrent model.
        self.memory_name = "state" if "state" in accepted else "past_key_values"
        self.takes_positions = "position_ids" in accepted
        self.takes_mask = self.memory_name != "state"
        self.cuts_logits = "logits_to_keep" in accepted

    @property
    def pad(self) -> int | None:
        """The padding token, as the score head knows it."""
        config = self.model.config
        found = getattr(config, "pad_token_id", None)
        return found if isinstance(found, int) else next(iter(self.ends), None)

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of tokens, as the model makes them."""
        found: torch.Tensor = self.model.get_input_embeddings()(ids)
        return found


def expected_bytes(folder: Path, number_format: str) -> int:
    """Return about how much memory the weights will take, from the sizes of their files."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    kept = getattr(torch, str(config.get("dtype") or config.get("torch_dtype")), torch.float32)
    wanted = _wanted(number_format) or kept
    if compressed.is_compressed(config):
        return compressed.numbers(folder, config) * int(wanted.itemsize)
    return size * int(wanted.itemsize) // int(kept.itemsize)


def _wanted(number_format: str) -> torch.dtype | None:
    if number_format != "auto":
        found: torch.dtype = getattr(torch, number_format)
        return found
    # Most CPUs multiply bfloat16 slower than float32 (facts of the trainer's measurements).
    return None if torch.cuda.is_available() else torch.float32


def _model(folder: Path, number_format: str) -> Any:
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    name = (config.architectures or [""])[0]
    if name.endswith("ForSequenceClassification"):
        kind: Any = AutoModelForSequenceClassification
    elif name.endswith("ForConditionalGeneration"):
        kind = AutoModelForImageTextToText
    else:
        kind = AutoModelForCausalLM
    model = kind.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=_wanted(number_format) or "auto",
        device_map="cuda" if torch.cuda.is_available() else None,
        **compressed.loading(config.to_dict()),
    )
    if compressed.is_compressed(config.to_dict()):
        compressed.without_rounding(model)
    return model.eval().requires_grad_(False)


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer."""
    found: set[Any] = set()
    generation = getattr(model, "generation_config", None)
    for value in (getattr(generation, "eos_token_id", None), tokenizer.eos_token_id):
        found |= set(value) if isinstance(value, list | tuple) else {value}
    return frozenset(token for token in found if isinstance(token, int))


def _context(config: Any) -> int:
    text = config.get_text_config()
    found = [getattr(text, name, None) for name in _LENGTHS]
    return next((length for length in found if isinstance(length, int)), _UNKNOWN_CONTEXT)


def _defaults(folder: Path) -> Defaults:
    try:
        said = json.loads((folder / "generation_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return Defaults()
    known = {
        name: said[name]
        for name in Defaults.__slots__
        if isinstance(said.get(name), int | float) and not isinstance(said[name], bool)
    }
    return Defaults(**known)
