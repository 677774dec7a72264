"""The model of a run: the base, and what of it is trained at each scale.

Knows transformers and peft. What the training is for is not its concern.
"""

import json
from pathlib import Path
from typing import Any

import torch
from argosy.trainer.worker.failures import Unsupported
from argosy.trainer.worker.hardware import Hardware
from argosy.trainer.worker.spec import FULL, LORA, PROMPT_TUNING, Spec
from argosy.trainer.worker.targets import target_modules
from peft import (
    LoraConfig,
    PeftModel,
    PromptTuningConfig,
    PromptTuningInit,
    get_peft_model,
)
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSequenceClassification,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
)

ADAPTER_CONFIG = "adapter_config.json"
CAUSAL, SCORING = "CAUSAL_LM", "SEQ_CLS"


def load_policy(spec: Spec, hardware: Hardware) -> Any:
    """The model that answers, ready to be trained at the spec's scale."""
    return _at_scale(spec, load_base(spec.weights_path, hardware.dtype), CAUSAL)


def load_scorer(spec: Spec, hardware: Hardware, filler: int) -> Any:
    """The model that scores, ready to be trained at the spec's scale; its head is new."""
    if spec.scale == PROMPT_TUNING:
        raise Unsupported("a reward model trains its score head: its scale is lora or full")
    return _at_scale(spec, load_scoring_base(spec.weights_path, hardware.dtype, filler), SCORING)


def load_base(weights: Path, dtype: torch.dtype) -> Any:
    """A causal model; of one that also sees, the part that reads and writes is what is used."""
    config = AutoConfig.from_pretrained(weights)
    kind = (
        AutoModelForCausalLM
        if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
        else AutoModelForImageTextToText
    )
    if config.model_type == "rwkv":
        # It would rewrite its weights when it goes from training to use, adapters left out.
        config.rescale_every = 0
    model = kind.from_pretrained(weights, config=config, dtype=dtype)
    return _named(model, weights)


def load_scoring_base(weights: Path, dtype: torch.dtype, filler: int) -> Any:
    config = AutoConfig.from_pretrained(weights)
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise Unsupported(
            f"a model of architecture {config.model_type} cannot be a reward model: the training "
            "library has no score head for it"
        )
    model = AutoModelForSequenceClassification.from_pretrained(weights, num_labels=1, dtype=dtype)
    model.config.get_text_config().pad_token_id = model.config.pad_token_id = filler
    return _named(model, weights)


def load_trained_scorer(folder: Path, weights: Path, hardware: Hardware, filler: int) -> Any:
    """A reward model of an earlier run, to score with."""
    if (folder / ADAPTER_CONFIG).exists():
        model = PeftModel.from_pretrained(
            load_scoring_base(weights, hardware.dtype, filler), folder
        ).merge_and_unload()
    else:
        model = load_scoring_base(folder, hardware.dtype, filler)
    return model.to(hardware.device).eval().requires_grad_(False)


def _at_scale(spec: Spec, base: Any, task: str) -> Any:
    if spec.base_adapter_path is not None:
        return _continued(spec, base, spec.base_adapter_path, task)
    if spec.scale == FULL:
        return base
    if spec.scale == PROMPT_TUNING:
        return get_peft_model(
            base,
            PromptTuningConfig(
                task_type=task,
                num_virtual_tokens=spec.virtual_tokens,
                # Words that the model knows are a far better start than noise.
                prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
                # Asked for by the library, used by other kinds of prompt learning only; not every
                # architecture calls them by a name that it knows.
                num_attention_heads=1,
                num_layers=1,
            ),
        )
    return get_peft_model(
        base,
        LoraConfig(
            task_type=task,
            r=spec.lora_rank,
            lora_alpha=spec.lora_alpha or 2 * spec.lora_rank,
            lora_dropout=spec.lora_dropout,
            bias="none",
            target_modules=target_modules(base, spec.target_modules),
        ),
    )


def _continued(spec: Spec, base: Any, adapter: Path, task: str) -> Any:
    """An adapter is trained on as it is, so that its result stands alone on the base; at full scale
    it becomes part of the weights first."""
    config = json.loads((adapter / ADAPTER_CONFIG).read_text("utf-8"))
    kind = {"LORA": LORA, "PROMPT_TUNING": PROMPT_TUNING}.get(config.get("peft_type"))
    if config.get("task_type") != task:
        raise Unsupported(
            f"the adapter to start from is made for {config.get('task_type')}, not {task}"
        )
    if spec.scale == FULL and kind == LORA:
        return PeftModel.from_pretrained(base, adapter).merge_and_unload().requires_grad_(True)
    if kind != spec.scale:
        raise Unsupported(
            f"the adapter to start from is of scale {kind or config.get('peft_type')}, so scale "
            f"must be {kind}{' or full' if kind == LORA else ''}, not {spec.scale}"
        )
    return PeftModel.from_pretrained(base, adapter, is_trainable=True)


def _named(model: Any, weights: Path) -> Any:
    # peft writes this name into every adapter: the model's, not a path of this machine.
    model.name_or_path = model.config._name_or_path = weights.name
    return model
