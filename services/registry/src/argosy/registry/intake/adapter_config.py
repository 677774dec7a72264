"""`adapter_config.json`: which keys may be there and what they may say.

An allow-list, since an engine and its libraries act on what they find: `auto_map` and
`auto_mapping` name code to run, a regular expression in `target_modules` or a `rank_pattern` can
stall or bloat an engine, and whatever the engine cannot serve (DoRA, biases, saved modules) would
fail at a user's first request. Keys are those that peft 0.21 writes for a plain LoRA. A reward
model's LoRA differs in two: its task, and the score head that is saved whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import obj, required
from argosy.registry.intake.strict_json import parse

MAX_CONFIG_BYTES: Final = 256 << 10
_MODULE: Final = re.compile(r"[A-Za-z0-9_]{1,64}(\.[A-Za-z0-9_]{1,64}){0,15}")
_MAX_MODULES: Final = 4096
_MAX_TEXT: Final = 4096


# Each key with its test and the rule in words.
Rules = dict[str, tuple[Callable[[Any], bool], str]]


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What the rest of intake needs of the configuration."""

    rank: int
    target_modules: tuple[str, ...]


def plain_text(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= _MAX_TEXT)


def _number(low: float, high: float) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and low <= value <= high
        )

    return check


def absent(value: Any) -> bool:
    return value is None or value is False or value == [] or value == {}


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


# peft writes these for every LoRA; set, they mean something that engines do not serve.
_MUST_BE_UNSET: Final = (
    "alora_invocation_tokens",
    "alpha_pattern",
    "arrow_config",
    "auto_mapping",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "kasa_config",
    "layer_replication",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_bias",
    "lora_ga_config",
    "megatron_config",
    "monteclora_config",
    "rank_pattern",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "velora_config",
)

_RULES: Final[Rules] = {
    "peft_type": (lambda v: v == "LORA", 'must be "LORA"'),
    "bias": (lambda v: v == "none", 'must be "none": engines do not serve LoRA biases'),
    "lora_alpha": (_number(1e-6, 1e6), "must be a number from 1e-6 to 1e6"),
    "lora_dropout": (_number(0, 1), "must be a number from 0 to 1"),
    "base_model_name_or_path": (plain_text, "must be a string or null"),
    "revision": (plain_text, "must be a string or null"),
    "peft_version": (plain_text, "must be a string or null"),
    "megatron_core": (plain_text, "must be a string or null"),
    "fan_in_fan_out": (absent, "must be false"),
    "inference_mode": (_boolean, "must be true or false"),
    "use_rslora": (_boolean, "must be true or false"),
    "init_lora_weights": (
        lambda v: isinstance(v, bool) or v in ("gaussian", "orthogonal"),
        "must be true, false, gaussian or orthogonal",
    ),
    "qalora_group_size": (_number(1, 4096), "must be a number"),
    **dict.fromkeys(
        _MUST_BE_UNSET, (absent, "must be null, false or empty: engines do not serve it")
    ),
}
_JUDGED_APART: Final = frozenset({"r", "target_modules"})

_COMPLETES: Final[Rules] = {
    "task_type": (lambda v: v in (None, "CAUSAL_LM"), 'must be "CAUSAL_LM" or null'),
    "modules_to_save": _RULES["rank_pattern"],
}
# peft adds both names by itself; of a language model only `score` exists.
_SCORES: Final[Rules] = {
    "task_type": (lambda v: v == "SEQ_CLS", 'must be "SEQ_CLS", as it is a reward model'),
    "modules_to_save": (
        lambda v: isinstance(v, list) and set(map(str, v)) <= {"score", "classifier"},
        "may only name the score head",
    ),
}


def judge_keys(config: dict[str, Any], rules: Rules, apart: frozenset[str]) -> None:
    """Hold every key to its rule; raises Problem for one that has none."""
    for key, value in config.items():
        if key in apart:
            continue
        if key not in rules:
            raise Problem("", "has a key that is not on the list of allowed keys")
        holds, rule = rules[key]
        if not holds(value):
            raise Problem(key, rule)


def judge_config(raw: bytes, max_rank: int, *, scores: bool = False) -> AdapterConfig:
    """Return what `raw` configures, of a reward model if it `scores`; raises Problem."""
    config = obj(parse(raw), "")
    judge_keys(config, _RULES | (_SCORES if scores else _COMPLETES), _JUDGED_APART)
    for key in ("peft_type", "lora_alpha"):
        required(config, key, "the configuration")
    rank = required(config, "r", "the configuration")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= max_rank:
        raise Problem("r", f"must be a whole number from 1 to {max_rank}, the largest rank served")
    modules = required(config, "target_modules", "the configuration")
    if (
        not isinstance(modules, list)
        or not 1 <= len(modules) <= _MAX_MODULES
        or not all(isinstance(m, str) and _MODULE.fullmatch(m) for m in modules)
    ):
        raise Problem("target_modules", f"must be a list of 1 to {_MAX_MODULES} module names")
    return AdapterConfig(rank, tuple(modules))
