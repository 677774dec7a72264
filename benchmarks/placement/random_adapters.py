"""Writes random LoRA adapters for a model: `python random_adapters.py MODEL OUT COUNT`.

Runs in the environment that has torch and peft; imports nothing of Argosy.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(model_folder: str, out: str, count: int) -> None:
    """Write `out`/0 … `out`/count-1, rank 8, on the attention's projections."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    for number in range(count):
        torch.manual_seed(number)
        base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.bfloat16)
        config = LoraConfig(
            r=8,
            lora_alpha=8,
            target_modules=["q_proj", "v_proj"],
            init_lora_weights=False,
            task_type="CAUSAL_LM",
        )
        get_peft_model(base, config).save_pretrained(Path(out) / str(number))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
