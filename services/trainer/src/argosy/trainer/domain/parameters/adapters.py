"""Parameters of what is trained beside the base: LoRA's matrices, prompt tuning's tokens."""

from __future__ import annotations

from typing import Final

from argosy.api.records import LORA, PROMPT_TUNING, SFT
from argosy.trainer.domain.parameters.parameter import Help, Parameter, Range

LORA_RANK: Final = Parameter(
    name="lora_rank",
    type="integer",
    aliases=("loraRank",),
    scales=(LORA,),
    ranges={"*/*": Range(1, 512, (8, 64))},
    defaults={"*/*": 16},
    rule="At most what the engines serve.",
    help=Help(
        meaning="Width of LoRA's matrices: how much the adapter can hold.",
        too_large="A bigger adapter, slower to load, that learns small data by heart.",
        too_small="Broad tasks are learnt by half.",
        advice="8 to 16 for a form or a tone, 32 to 64 for knowledge and many tasks.",
        source="the catalogue's {8, 16, 32, 64}",
    ),
)

LORA_ALPHA: Final = Parameter(
    name="lora_alpha",
    type="number",
    aliases=("loraAlpha",),
    scales=(LORA,),
    ranges={"*/*": Range(1, 1024, (8, 128))},
    rule="Twice the rank.",
    help=Help(
        meaning="Scale of the adapter: its output is multiplied by alpha / rank.",
        too_large="As too large a learning rate.",
        too_small="As too small a learning rate.",
        advice="Once or twice the rank; change the learning rate rather than this.",
        source="peft; Hu et al., LoRA (2021)",
    ),
)

LORA_DROPOUT: Final = Parameter(
    name="lora_dropout",
    type="number",
    aliases=("loraDropout",),
    scales=(LORA,),
    ranges={"*/*": Range(0, 0.9, (0, 0.2))},
    defaults={"*/*": 0.0},
    help=Help(
        meaning="Share of the adapter's inputs that is left out at random while training.",
        too_large="The adapter learns slowly.",
        too_small="No harm; it is off by default.",
        advice="0.05 to 0.1 if validation gets worse while the training loss falls.",
        source="the catalogue's 0.1-0.5 (0.1); off here, so that a resumed run is the same run",
    ),
)

TARGET_MODULES: Final = Parameter(
    name="target_modules",
    type="texts",
    aliases=("loraTargetModules",),
    scales=(LORA,),
    choices=("all-linear",),
    defaults={"*/*": "all-linear"},
    help=Help(
        meaning="Which layers get an adapter: all linear ones, or those with these names.",
        advice="all-linear; a few modules save little and learn less.",
        source="peft; Schulman et al., LoRA Without Regret (2025)",
    ),
)

VIRTUAL_TOKENS: Final = Parameter(
    name="virtual_tokens",
    type="integer",
    scales=(PROMPT_TUNING,),
    methods=(SFT,),
    ranges={"*/*": Range(1, 256, (10, 100))},
    defaults={"*/*": 20},
    help=Help(
        meaning="Learnt tokens that stand before every prompt.",
        too_large="They take context and train slowly.",
        too_small="They can hold only the simplest task.",
        advice="20; more than 100 rarely helps.",
        source="Lester et al., The Power of Scale (2021)",
    ),
)

ALL: Final = (LORA_RANK, LORA_ALPHA, LORA_DROPOUT, TARGET_MODULES, VIRTUAL_TOKENS)
