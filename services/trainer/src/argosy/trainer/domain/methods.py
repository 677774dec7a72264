"""The methods of tuning in words, and the scales that each can be trained at.

Which records a method learns from stands in `argosy.api.records`. Knows no parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argosy.api import records
from argosy.api.records import (
    COMPRESSION,
    CUSTOM,
    DISTILLATION,
    DPO,
    FULL,
    KTO,
    LORA,
    ORPO,
    POST_PRETRAIN,
    PROMPT_TUNING,
    REWARD,
    RLHF,
    SFT,
)
from argosy.trainer.domain.parameters.parameter import BadParameter


@dataclass(frozen=True, slots=True)
class Method:
    """`openai_type` is OpenAI's word for it, empty where it has none."""

    name: str
    title: str
    text: str
    scales: tuple[str, ...] = (LORA, FULL)
    openai_type: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def learns_from(self) -> tuple[str, ...]:
        return records.LEARNS_FROM[self.name]


@dataclass(frozen=True, slots=True)
class Scale:
    name: str
    title: str
    text: str
    aliases: tuple[str, ...]


METHODS: Final = {
    method.name: method
    for method in (
        Method(
            SFT,
            "Supervised fine-tuning",
            "Learns to answer as the assistant of the records does; only answers count, prompts "
            "are not learnt. Choose it for a form, a tone, edge cases, a task that examples "
            "show. 50 good records teach a form; from 1,000 on answers get dependable.",
            scales=(LORA, FULL, PROMPT_TUNING),
            openai_type="supervised",
            aliases=("SFT", "supervised"),
        ),
        Method(
            POST_PRETRAIN,
            "Post-pretraining",
            "Goes on with pretraining on plain text: injects the words and facts of a domain. "
            "Choose it for a large corpus of a trade (a billion tokens is usual), and follow it "
            "with supervised tuning, since it teaches no answers.",
            aliases=("PostPretrain",),
        ),
        Method(
            DPO,
            "Direct preference optimization",
            "Learns from pairs of a better and a worse answer to the same prompt, without a "
            "reward model. Choose it when people can say which answer they prefer, or you have "
            "logs of accepted and rejected answers; best after supervised tuning.",
            openai_type="dpo",
            aliases=("DPO",),
        ),
        Method(
            KTO,
            "Kahneman-Tversky optimization",
            "Learns from single answers marked good or bad: thumbs up, thumbs down. Choose it "
            "when feedback is one-sided and pairs would have to be invented.",
            aliases=("KTO",),
        ),
        Method(
            ORPO,
            "Odds ratio preference optimization",
            "Supervised tuning and preference in one run, without a reference model. Choose it "
            "for pairs and a base that was not tuned before.",
            aliases=("ORPO",),
        ),
        Method(
            REWARD,
            "Reward model",
            "Learns to give an answer one number, higher for what people prefer. It does not "
            "answer; `argosy.reward_model` of an RLHF job takes it, and it ranks answers.",
            aliases=("RewardModel", "reward_model"),
        ),
        Method(
            RLHF,
            "Reinforcement learning from feedback",
            "Samples answers to prompts, has them judged by a grader or a reward model, and "
            "reinforces the better ones, held to what the model was (KL). Choose it when good "
            "answers are easier judged than written.",
            openai_type="reinforcement",
            aliases=("RLHF", "reinforcement"),
        ),
        Method(
            DISTILLATION,
            "Distillation",
            "A bigger served model answers the prompts, answers below a score are left out, and "
            "the small model learns the rest by supervised tuning. Choose it to make a costly "
            "model's skill at one task cheap.",
            scales=(LORA, FULL),
            aliases=("Distillation",),
        ),
        Method(
            CUSTOM,
            "A program of your own",
            "Runs a training program that the operator of this server has allowed by name, and "
            "treats what it makes as any other result: published, served, reported, billed. "
            "Choose it when your loss or your loop is none of the others.",
            aliases=("Custom",),
        ),
        Method(
            COMPRESSION,
            "Compression",
            "Stores the weights as 8-bit or 4-bit integers: a smaller file, and on engines with "
            "kernels for it a faster answer. Nothing is learnt; a part of the records is held out "
            "to measure what it costs in quality. A LoRA becomes part of the weights first. Choose "
            "it last: the result cannot be tuned any more.",
            scales=(FULL,),
            aliases=("Compression",),
        ),
    )
}

SCALES: Final = {
    scale.name: scale
    for scale in (
        Scale(
            LORA,
            "LoRA",
            "Trains small matrices beside the weights, which stay as they are. Keeps the model's "
            "general ability, needs little memory, and many adapters share one served base. The "
            "choice under 1,000 records, and nearly always.",
            aliases=("LoRA",),
        ),
        Scale(
            FULL,
            "Full update",
            "Trains all weights. Learns most, forgets most, needs memory for the optimizer, and "
            "the result is a model of its own. For many records and one narrow task.",
            aliases=("FullFineTuning",),
        ),
        Scale(
            PROMPT_TUNING,
            "Prompt tuning",
            "Trains a few virtual tokens before the prompt. The smallest result and the weakest; "
            "not advised where LoRA is possible.",
            aliases=("PromptTuning",),
        ),
    )
}


def method_of(name: str) -> Method:
    """Return a method by any of its names; empty means supervised. Raises `BadParameter`."""
    for method in METHODS.values():
        if name in (method.name, *method.aliases) or (not name and method.name == SFT):
            return method
    raise BadParameter(
        "argosy.method",
        f"The method '{name[:64]}' does not exist. Available: {', '.join(METHODS)}.",
    )


def scale_of(name: str, method: Method) -> str:
    """Return a scale's name from its name or an older one; empty means the method's first.

    Raises `BadParameter` that names the scales the method allows.
    """
    allowed = ", ".join(method.scales)
    found = next((s.name for s in SCALES.values() if name in (s.name, *s.aliases)), "")
    if not name:
        return method.scales[0]
    if found not in method.scales:
        raise BadParameter(
            "argosy.scale",
            f"The scale '{name[:64]}' is not available for the method '{method.name}'. "
            f"Available: {allowed}.",
        )
    return found
