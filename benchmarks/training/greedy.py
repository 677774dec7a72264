"""Greedy answers of a model, with or without an adapter. Run by the ML environment's Python.

stdin: {"weights", "adapter" or null, "requests": […], "max_tokens"}; stdout: a JSON list of
{"text", "tokens", "ended"}. `adapter` may also be a whole model's folder.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

BATCH = 32


def load(weights: str, adapter: str | None) -> Any:
    if adapter and not (Path(adapter) / "adapter_config.json").exists():
        weights, adapter = adapter, None
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32)
    return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()


def main() -> None:
    task = json.load(sys.stdin)
    words = AutoTokenizer.from_pretrained(task["weights"], padding_side="left")
    model = load(task["weights"], task["adapter"])
    answers = []
    for start in range(0, len(task["requests"]), BATCH):
        prompts = [
            words.apply_chat_template(
                [{"role": "user", "content": request}], tokenize=False, add_generation_prompt=True
            )
            for request in task["requests"][start : start + BATCH]
        ]
        batch = words(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            output = model.generate(
                **batch, max_new_tokens=task["max_tokens"], do_sample=False,
                pad_token_id=words.pad_token_id,
            )  # fmt: skip
        for row in output[:, batch["input_ids"].shape[1] :].tolist():
            ended = words.eos_token_id in row
            ids = row[: row.index(words.eos_token_id)] if ended else row
            answers.append({"text": words.decode(ids), "tokens": len(ids), "ended": ended})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
