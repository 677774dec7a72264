"""`adapter_config.json` of prompt tuning: virtual tokens before every prompt.

The configuration that is stored is written here anew: peft reads a tokenizer from wherever the
uploaded one says when its embeddings are to start from a text, and nothing of how they started is
needed to use them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from argosy.registry.intake.adapter_config import Rules, absent, judge_keys, plain_text
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.safetensors import Tensor
from argosy.registry.intake.shapes import obj, required
from argosy.registry.intake.strict_json import parse

MAX_VIRTUAL_TOKENS: Final = 512
_MAX_WIDTH: Final = 1 << 17
_TENSOR: Final = "prompt_embeddings"


def _size(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


_RULES: Final[Rules] = {
    "peft_type": (lambda v: v == "PROMPT_TUNING", 'must be "PROMPT_TUNING"'),
    "task_type": (lambda v: v in (None, "CAUSAL_LM"), 'must be "CAUSAL_LM" or null'),
    "num_transformer_submodules": (lambda v: v in (None, 1), "must be 1 or null"),
    "inference_mode": (lambda v: isinstance(v, bool), "must be true or false"),
    "prompt_tuning_init": (
        lambda v: v in ("RANDOM", "SAMPLE_VOCAB", "TEXT"),
        "must be RANDOM, SAMPLE_VOCAB or TEXT",
    ),
    **dict.fromkeys(
        ("num_attention_heads", "num_layers"), (_size, "must be a positive number or null")
    ),
    **dict.fromkeys(
        (
            "base_model_name_or_path", "revision", "peft_version", "prompt_tuning_init_text",
            "tokenizer_name_or_path",
        ),
        (plain_text, "must be a string or null"),
    ),
    **dict.fromkeys(
        ("auto_mapping", "modules_to_save", "tokenizer_kwargs"),
        (absent, "must be null or empty: it says where to find code or files"),
    ),
}  # fmt: skip
_JUDGED_APART: Final = frozenset({"num_virtual_tokens", "token_dim"})


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """`virtual_tokens` embeddings of `width` numbers."""

    virtual_tokens: int
    width: int

    def written(self) -> bytes:
        """Return the configuration to store."""
        return json.dumps(
            {
                "inference_mode": True,
                "num_transformer_submodules": 1,
                "num_virtual_tokens": self.virtual_tokens,
                "peft_type": "PROMPT_TUNING",
                "prompt_tuning_init": "RANDOM",
                "task_type": "CAUSAL_LM",
                "token_dim": self.width,
            },
            indent=2,
        ).encode()


def judge_prompt_config(raw: bytes) -> PromptConfig:
    """Return what `raw` configures; raises Problem."""
    config = obj(parse(raw), "")
    judge_keys(config, _RULES, _JUDGED_APART)
    required(config, "peft_type", "the configuration")
    return PromptConfig(
        _whole_number(config, "num_virtual_tokens", MAX_VIRTUAL_TOKENS),
        _whole_number(config, "token_dim", _MAX_WIDTH),
    )


def judge_prompt(tensors: list[Tensor], config: PromptConfig) -> None:
    """Check that there is one matrix, of as many rows and columns as configured."""
    if [t.name for t in tensors] != [_TENSOR]:
        raise Problem("", f"must hold one tensor, {_TENSOR}")
    if tensors[0].shape != (config.virtual_tokens, config.width):
        raise Problem(_TENSOR, "must have the shape [num_virtual_tokens, token_dim]")


def _whole_number(config: dict[str, Any], key: str, most: int) -> int:
    value = required(config, key, "the configuration")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Problem(key, f"must be a whole number from 1 to {most}")
    return value
