"""Kinds of tuning records and the methods that learn from them, as data.

A training file and a published version of a data set hold one record a line, in one of these forms:

    dialogue    {"messages": [{"role", "content", "weight"?}, …], "tools"?: […]}
    preference  {"input": {"messages", "tools"?}, "preferred_output": [message],
                 "non_preferred_output": [message]}
    unpaired    {"messages": […], "completion": "…", "label": true | false}
    ranked      {"messages": […], "responses": ["best", "second", …]}
    prompts     {"messages": […], …}      further keys are what a grader calls `item.<key>`
    text        {"text": "…"}

Knows names and which goes with which. Does not know how a record is read or what training is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DIALOGUE: Final = "dialogue"
PREFERENCE: Final = "preference"
UNPAIRED: Final = "unpaired"
RANKED: Final = "ranked"
PROMPTS: Final = "prompts"
TEXT: Final = "text"

KINDS: Final = (DIALOGUE, PREFERENCE, UNPAIRED, RANKED, PROMPTS, TEXT)

SFT: Final = "sft"
POST_PRETRAIN: Final = "post_pretrain"
DPO: Final = "dpo"
KTO: Final = "kto"
ORPO: Final = "orpo"
REWARD: Final = "reward"
RLHF: Final = "rlhf"
DISTILLATION: Final = "distillation"
COMPRESSION: Final = "compression"
CUSTOM: Final = "custom"

# Those that change what a model says, and all that a job can do to one.
LEARNING: Final = (SFT, POST_PRETRAIN, DPO, KTO, ORPO, REWARD, RLHF, DISTILLATION, CUSTOM)
METHODS: Final = (*LEARNING, COMPRESSION)

LORA: Final = "lora"
FULL: Final = "full"
PROMPT_TUNING: Final = "prompt_tuning"

SCALES: Final = (LORA, FULL, PROMPT_TUNING)

# What each method can learn from, or, of a compression, be measured on. A ranking is also its
# pairs, a pair is also two single answers, and of a dialogue the last answer can be left out.
LEARNS_FROM: Final[Mapping[str, tuple[str, ...]]] = {
    SFT: (DIALOGUE,),
    POST_PRETRAIN: (TEXT,),
    DPO: (PREFERENCE, RANKED),
    KTO: (UNPAIRED, PREFERENCE),
    ORPO: (PREFERENCE, RANKED),
    REWARD: (PREFERENCE, RANKED),
    RLHF: (PROMPTS, DIALOGUE),
    DISTILLATION: (PROMPTS, DIALOGUE),
    COMPRESSION: (DIALOGUE, TEXT),
    CUSTOM: KINDS,
}
