"""Makes the files of every kind of artefact for tests, and the base that they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness import adapters

WIDTH = 8
Shapes = Mapping[str, list[int]]

BASE_CONFIG: Mapping[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "eos_token_id": 2,
    "hidden_size": WIDTH,
    "max_position_embeddings": 64,
    "model_type": "llama",
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "tie_word_embeddings": True,
    "vocab_size": 16,
}
SHAPES: Shapes = {
    "model.embed_tokens.weight": [16, WIDTH],
    "model.layers.0.self_attn.q_proj.weight": [WIDTH, WIDTH],
    "model.norm.weight": [WIDTH],
}
SCORE: Shapes = {"score.weight": [1, WIDTH]}
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def tensors(shapes: Shapes, dtype: str = "F32") -> bytes:
    """Return a safetensors file with these tensors, every number 0.5."""
    unit = {"F32": adapters.floats(0.5), "BF16": b"\x00\x3f"}[dtype]
    entries = []
    for name, shape in shapes.items():
        count = 1
        for side in shape:
            count *= side
        entries.append((name, dtype, shape, unit * count))
    return adapters.safetensors(entries)


def write_base(folder: Path, **changes: Any) -> Path:
    """Write a base model's folder: configuration, weights, tokenizer and template."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**BASE_CONFIG, **changes}))
    (folder / "model.safetensors").write_bytes(tensors(SHAPES, "BF16"))
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    (folder / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def full_config(**changes: Any) -> bytes:
    """Return a config.json as training writes it; a change to ... removes the key."""
    value = {**BASE_CONFIG, "dtype": "float32", "use_cache": False, **changes}
    return json.dumps({k: v for k, v in value.items() if v is not ...}).encode()


def full(shapes: Shapes = SHAPES, **changes: Any) -> tuple[tuple[str, bytes], ...]:
    """Return the files of a model that was trained whole."""
    return (("model.safetensors", tensors(shapes)), ("config.json", full_config(**changes)))


def sharded() -> dict[str, bytes]:
    """Return the same model in two shards."""
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    first, *rest = SHAPES
    where = {first: names[0], **dict.fromkeys(rest, names[1])}
    return {
        names[0]: tensors({first: SHAPES[first]}),
        names[1]: tensors({name: SHAPES[name] for name in rest}),
        "model.safetensors.index.json": json.dumps({"weight_map": where}).encode(),
        "config.json": full_config(),
    }


def prompt_config(tokens: int = 4, **changes: Any) -> bytes:
    """Return an adapter_config.json of prompt tuning as peft writes it."""
    value: dict[str, Any] = {
        "auto_mapping": None,
        "base_model_name_or_path": "/weights/base-one",
        "inference_mode": True,
        "modules_to_save": None,
        "num_attention_heads": 2,
        "num_layers": 1,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": tokens,
        "peft_type": "PROMPT_TUNING",
        "peft_version": "0.21.2",
        "prompt_tuning_init": "TEXT",
        "prompt_tuning_init_text": "Answer as a captain would.",
        "revision": None,
        "task_type": "CAUSAL_LM",
        "token_dim": WIDTH,
        "tokenizer_kwargs": None,
        "tokenizer_name_or_path": "/weights/base-one",
        **changes,
    }
    return json.dumps({k: v for k, v in value.items() if v is not ...}).encode()


def prompt(tokens: int = 4, **changes: Any) -> tuple[tuple[str, bytes], ...]:
    """Return the files of a prompt-tuning run."""
    weights = tensors({"prompt_embeddings": [tokens, WIDTH]})
    return (
        ("adapter_config.json", prompt_config(tokens, **changes)),
        ("adapter_model.safetensors", weights),
    )


def reward_lora(score: list[int] | None = None, **changes: Any) -> tuple[tuple[str, bytes], ...]:
    """Return the files of a reward model that was trained with LoRA."""
    shapes = {
        adapters.lora_name("A"): [4, WIDTH],
        adapters.lora_name("B"): [WIDTH, 4],
        "base_model.model.score.weight": score or [1, WIDTH],
    }
    settings = {"task_type": "SEQ_CLS", "modules_to_save": ["classifier", "score"], **changes}
    return (
        ("adapter_config.json", adapters.config(**settings)),
        ("adapter_model.safetensors", tensors(shapes)),
    )


def reward_full(**changes: Any) -> tuple[tuple[str, bytes], ...]:
    """Return the files of a reward model that was trained whole."""
    settings = {"architectures": ["LlamaForSequenceClassification"], **changes}
    return full({**SHAPES, **SCORE}, **settings)
