"""The architectures of language models: which engine runs them, which of their results it serves.

The table holds for the pinned engines (requirements/ml-*.txt): vLLM's list of models and which of
them take LoRA, and the classes of transformers. It is data about other people's code: when a pin
moves, look again. What is not listed is not said to be trainable, since nobody has seen its results
answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the pinned engines can do with one class name of config.json's `architectures`.

    `vllm_lora`: vLLM loads its adapters. `lora`, `prompt_tuning` and `score_head` tell which of the
    ways to train it transformers and peft have, and then serve.
    """

    vllm: bool = True
    vllm_lora: bool = True
    transformers: bool = True
    lora: bool = True
    prompt_tuning: bool = True
    score_head: bool = True


_EVERYWHERE: Final = Architecture()
# vLLM runs it, but has no LoRA layers for it.
_NO_VLLM_LORA: Final = Architecture(vllm_lora=False)
_TRANSFORMERS_ONLY: Final = Architecture(vllm=False, vllm_lora=False)
# Its code is not part of transformers 5.
_VLLM_ONLY: Final = Architecture(
    transformers=False, lora=False, prompt_tuning=False, score_head=False
)
_UNKNOWN_CODE: Final = Architecture(
    vllm=False, vllm_lora=False, transformers=False, lora=False, prompt_tuning=False,
    score_head=False,
)  # fmt: skip

ARCHITECTURES: Final[dict[str, Architecture]] = {
    **dict.fromkeys(
        (
            "CohereForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM",
            "Glm4ForCausalLM", "GraniteForCausalLM", "LlamaForCausalLM",
            "MistralForCausalLM", "MixtralForCausalLM", "NemotronForCausalLM", "OPTForCausalLM",
            "Phi3ForCausalLM", "Qwen2ForCausalLM", "Qwen2MoeForCausalLM", "Qwen3ForCausalLM",
            "Qwen3MoeForCausalLM",
        ),
        _EVERYWHERE,
    ),
    "Ernie4_5ForCausalLM": Architecture(score_head=False),
    "Ernie4_5_MoeForCausalLM": Architecture(score_head=False),
    **dict.fromkeys(
        (
            "BloomForCausalLM", "FalconForCausalLM", "GPT2LMHeadModel", "GPTJForCausalLM",
            "StableLmForCausalLM",
        ),
        _NO_VLLM_LORA,
    ),
    "GlmForCausalLM": _TRANSFORMERS_ONLY,
    "GPTNeoXForCausalLM": _TRANSFORMERS_ONLY,
    "MptForCausalLM": Architecture(vllm=False, vllm_lora=False, prompt_tuning=False),
    "RwkvForCausalLM": Architecture(
        vllm=False, vllm_lora=False, prompt_tuning=False, score_head=False
    ),
    # Their text side: images are the gateway's and vLLM's matter.
    **dict.fromkeys(
        ("LlavaForConditionalGeneration", "Gemma3ForConditionalGeneration"),
        # Trained on all linear layers, the vision tower's too, for which vLLM takes no LoRA.
        Architecture(vllm_lora=False, prompt_tuning=False, score_head=False),
    ),
    "ChatGLMModel": _VLLM_ONLY,
    "ChatGLMForConditionalGeneration": _VLLM_ONLY,
    "BaichuanForCausalLM": _UNKNOWN_CODE,
    "BaiChuanForCausalLM": _UNKNOWN_CODE,
}  # fmt: skip


def known(architecture: str) -> Architecture | None:
    """Return what is known of an architecture; None if nothing is."""
    return ARCHITECTURES.get(architecture)
