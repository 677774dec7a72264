"""`config.json` of a model that was trained whole: it must be its base's.

What is stored is the base's own configuration, with the format of the numbers and, of a reward
model, its head. The uploaded one is only held against it, so that a run with other sizes, or one
that names code to run, is refused with the reason.
"""

from __future__ import annotations

import json
from typing import Any, Final

from argosy.registry.domain.artifacts import BaseShape
from argosy.registry.intake.compressed import CONFIG_KEY, Scheme
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import obj, required
from argosy.registry.intake.strict_json import parse

MAX_CONFIG_BYTES: Final = 256 << 10

# Keys that name code, or change what the numbers of the weights mean.
_REFUSED: Final = (
    "auto_map", "auto_mapping", "compression_config", "custom_generate", "custom_pipelines",
    "quantization_config", "trust_remote_code",
)  # fmt: skip
# Where one of these differs, the weights belong to another model.
_SIZES: Final = (
    "model_type", "hidden_size", "n_embd", "d_model", "intermediate_size", "num_hidden_layers",
    "n_layer", "n_layers", "num_attention_heads", "n_head", "n_heads", "num_key_value_heads",
    "head_dim", "vocab_size", "max_position_embeddings", "hidden_act", "tie_word_embeddings",
    "rms_norm_eps", "layer_norm_epsilon", "sliding_window",
)  # fmt: skip
_NAMES: Final = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
DTYPES: Final = frozenset(_NAMES.values())


def judge_full_config(
    raw: bytes, base: BaseShape, *, scores: bool, scheme: Scheme | None
) -> dict[str, Any]:
    """Return the configuration to store, but for its numbers' format; raises Problem.

    `scheme` tells how its weights are packed, if they are.
    """
    config = obj(parse(raw), "")
    if scheme is not None:
        config.pop(CONFIG_KEY)
    _refuse_code(config, "")
    wanted = score_class(base.architecture) if scores else base.architecture
    if required(config, "architectures", "the configuration") != [wanted]:
        raise Problem("architectures", f'must be ["{wanted}"], as the base model has it')
    _same_sizes(config, base.config, "")
    stored = dict(base.config) | {"architectures": [wanted]}
    _refuse_code(stored, "")
    if scores:
        stored |= {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
        if stored.get("pad_token_id") is None:
            # Where a conversation ends is found by the padding behind it.
            stored["pad_token_id"] = _some_end(stored.get("eos_token_id"))
    if scheme is not None:
        stored[CONFIG_KEY] = scheme.stored()
    return stored


def written(config: dict[str, Any], dtype: str) -> bytes:
    """Return the file to store; `dtype` as safetensors writes it."""
    name = next(name for name, short in _NAMES.items() if short == dtype)
    kept = {k: v for k, v in config.items() if k not in ("torch_dtype", "_name_or_path")}
    return json.dumps(kept | {"dtype": name}, indent=2, sort_keys=True).encode()


def score_class(architecture: str) -> str:
    """Return the class that scores with the weights of a class that completes."""
    for ending in ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration"):
        if architecture.endswith(ending):
            return architecture.removesuffix(ending) + "ForSequenceClassification"
    return architecture


def _refuse_code(config: dict[str, Any], where: str) -> None:
    for key, value in config.items():
        if key in _REFUSED and value is not None:
            raise Problem(f"{where}{key}", "is refused: it names code or another form of weights")
        if isinstance(value, dict):
            _refuse_code(value, f"{where}{key}.")


def _same_sizes(config: dict[str, Any], base: Any, where: str) -> None:
    for key in _SIZES:
        # Where one of them is silent, a default holds, and the tensors' shapes decide.
        if config.get(key) is None or base.get(key) is None:
            continue
        if config[key] != base[key]:
            raise Problem(f"{where}{key}", "differs from the base model's")
    inner, its = config.get("text_config"), base.get("text_config")
    if isinstance(inner, dict) and isinstance(its, dict):
        _same_sizes(inner, its, f"{where}text_config.")


def _some_end(end: Any) -> Any:
    return end[0] if isinstance(end, list) and end else end
