"""Miniature models of ten architectures: two layers, random weights, the byte vocabulary.

Knows each architecture's own names of the same few sizes. Run by the Python of the ML environment:
`python tests/fakes/tiny_architectures.py OUT_DIR NAME [NAME …]` writes OUT_DIR/NAME each.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf

sys.path.insert(0, str(Path(__file__).parent))
from tiny_model import tokenizer

WIDTH, INNER, LAYERS, HEADS, CONTEXT = 32, 64, 2, 4, 512

# What most of them call their sizes.
USUAL: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
    "head_dim": WIDTH // HEADS,
    "max_position_embeddings": CONTEXT,
}


def _llava(**words: int) -> Any:
    text = hf.LlamaConfig(**USUAL, **words)
    seeing = hf.CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, image_size=28, patch_size=14,
    )  # fmt: skip
    config = hf.LlavaConfig(text_config=text, vision_config=seeing, image_token_index=0)
    return hf.LlavaForConditionalGeneration(config)


MODELS: dict[str, Callable[..., Any]] = {
    "llama": lambda **words: hf.LlamaForCausalLM(hf.LlamaConfig(**USUAL, **words)),
    "qwen3": lambda **words: hf.Qwen3ForCausalLM(hf.Qwen3Config(**USUAL, **words)),
    "gemma3": lambda **words: hf.Gemma3ForCausalLM(
        hf.Gemma3TextConfig(**USUAL, sliding_window=128, **words)
    ),
    "glm4": lambda **words: hf.Glm4ForCausalLM(hf.Glm4Config(**USUAL, **words)),
    "ernie4_5": lambda **words: hf.Ernie4_5ForCausalLM(hf.Ernie4_5Config(**USUAL, **words)),
    "bloom": lambda **words: hf.BloomForCausalLM(
        hf.BloomConfig(hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS, **words)
    ),
    "falcon": lambda **words: hf.FalconForCausalLM(
        hf.FalconConfig(
            hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, **words
        )
    ),
    "mpt": lambda **words: hf.MptForCausalLM(
        hf.MptConfig(d_model=WIDTH, n_layers=LAYERS, n_heads=HEADS, max_seq_len=CONTEXT, **words)
    ),
    "rwkv": lambda **words: hf.RwkvForCausalLM(
        hf.RwkvConfig(
            hidden_size=WIDTH, attention_hidden_size=WIDTH, intermediate_size=INNER,
            num_hidden_layers=LAYERS, context_length=CONTEXT, **words,
        )
    ),
    "llava": _llava,
}  # fmt: skip


def write(folder: Path, name: str, seed: int = 1) -> None:
    words = tokenizer()
    torch.manual_seed(seed)
    model = MODELS[name](
        vocab_size=len(words),
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    model.save_pretrained(folder)
    words.save_pretrained(folder)


if __name__ == "__main__":
    for each in sys.argv[2:]:
        write(Path(sys.argv[1]) / each, each)
