"""Writes what runs would make of the miniature models, and what peft and transformers answer.

Run by the Python of the ML environment: `python tests/fakes/tiny_artifacts.py OUT_DIR`. For each
architecture of `tiny_architectures`: the base, a LoRA adapter, a prompt; for llama also a whole
model and reward models of both forms, as the registry stores them. `expected.json` holds what each
says to `PROMPT`, or scores, by the libraries' own `generate`: an engine must say the same.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))
import tiny_architectures
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

PROMPT = "the ship sails"
NEW_TOKENS = 10
CONVERSATION = [
    {"role": "user", "content": "Where to?"},
    {"role": "assistant", "content": "To the islands."},
]


def base(folder: Path) -> None:
    """Write a base model with large numbers: what small ones say hardly depends on the prompt."""
    tiny_architectures.write(folder, folder.name)
    model = load(folder)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(10)
    model.save_pretrained(folder)


def load(folder: Path) -> Any:
    torch.manual_seed(2)
    kind = AutoModelForImageTextToText if folder.name == "llava" else AutoModelForCausalLM
    return kind.from_pretrained(folder).eval()


def says(model: Any, words: Any) -> dict[str, Any]:
    """Return the greedy continuation of PROMPT, and its tokens' log probabilities."""
    inputs = words(PROMPT, return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        out = model.generate(
            **inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False,
            output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip
    new = out.sequences[0][-NEW_TOKENS:]
    chances = [float(torch.log_softmax(row[0], -1).max()) for row in out.logits]
    text = words.decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return {"text": text, "logprobs": chances}


def lora(**more: Any) -> LoraConfig:
    return LoraConfig(
        r=4, lora_alpha=16, target_modules="all-linear", init_lora_weights=False, **more
    )


def shout(model: Any) -> None:
    """Make the trained numbers large enough to change what is said."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter) * 0.5)


# peft does not find the number of attention heads in these configurations.
NO_PROMPTS = {"rwkv", "llava", "mpt"}


def of_architecture(folder: Path, out: Path, words: Any) -> dict[str, Any]:
    said = {folder.name: says(load(folder), words)}
    for kind, config in (
        ("lora", lora(task_type="CAUSAL_LM")),
        ("prompt", PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)),
    ):
        if kind == "prompt" and folder.name in NO_PROMPTS:
            continue
        model = get_peft_model(load(folder), config).eval()
        shout(model)
        model.save_pretrained(out / f"{folder.name}-{kind}")
        said[f"{folder.name}-{kind}"] = says(model, words)
    return said


def whole(base: Path, out: Path, words: Any) -> dict[str, Any]:
    model = load(base)
    shout(model)
    model.save_pretrained(out)
    with_tokenizer(base, out)
    return says(model, words)


def with_tokenizer(base: Path, out: Path) -> None:
    """Do as the registry does: the tokenizer is the base's."""
    for path in base.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            shutil.copy(path, out / path.name)


def rewards(base: Path, out: Path, words: Any) -> dict[str, float]:
    text = words.apply_chat_template(CONVERSATION, tokenize=False)
    inputs = words(text, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False)
    found = {}
    for name in ("reward-lora", "reward-full"):
        torch.manual_seed(3)
        model: Any = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1).eval()
        if name == "reward-lora":
            model = get_peft_model(model, lora(task_type="SEQ_CLS")).eval()
        shout(model)
        model.save_pretrained(out / name)
        if name == "reward-full":
            with_tokenizer(base, out / name)
        with torch.inference_mode():
            found[name] = float(model(**inputs).logits[0, 0])
    return found


def main(out: Path) -> None:
    for name in tiny_architectures.MODELS:
        base(out / name)
    words = AutoTokenizer.from_pretrained(out / "llama")
    said: dict[str, Any] = {}
    for name in tiny_architectures.MODELS:
        said |= of_architecture(out / name, out, words)
    said["whole"] = whole(out / "llama", out / "whole", words)
    expected = {"says": said, "scores": rewards(out / "llama", out, words)}
    (out / "expected.json").write_text(json.dumps(expected, indent=1), "utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
