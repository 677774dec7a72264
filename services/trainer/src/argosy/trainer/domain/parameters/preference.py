"""Parameters of learning from preferences and rewards. Knows data only."""

from __future__ import annotations

from typing import Final

from argosy.api.records import DISTILLATION, DPO, KTO, ORPO, RLHF
from argosy.trainer.domain.parameters.parameter import Help, Parameter, Range

BETA: Final = Parameter(
    name="beta",
    type="number",
    methods=(DPO, KTO, ORPO),
    ranges={"*/*": Range(0.001, 2, (0.05, 0.5))},
    defaults={"*/*": 0.1},
    help=Help(
        meaning=(
            "DPO, KTO: how strongly the model is held to what it was. ORPO: weight of the "
            "preference beside the answer itself."
        ),
        too_large="DPO, KTO: hardly anything changes. ORPO: answers get worse for the odds.",
        too_small="DPO, KTO: the model drifts from sensible text. ORPO: plain supervised tuning.",
        advice="0.1; 0.3 or more if answers degrade.",
        source="Rafailov et al., DPO (2023); OpenAI's fine-tuning API",
    ),
)

NLL_COEFFICIENT: Final = Parameter(
    name="nll_coefficient",
    type="number",
    methods=(DPO,),
    ranges={"*/*": Range(0, 10, (0, 2))},
    defaults={"*/*": 1.0},
    help=Help(
        meaning=(
            "Weight of supervised tuning on the better answer beside the comparison: its mean "
            "negative log-likelihood a token is added to the loss."
        ),
        too_large="Nearly plain supervised tuning: the worse answer hardly counts.",
        too_small=(
            "The better answer gets less likely, too, as long as the worse one falls faster: "
            "text in circles, answers without an end. 0 is the plain DPO of the paper."
        ),
        advice="1; 0.2 where the better answers are only a little better, and not worth learning.",
        source=(
            "Pang et al., Iterative Reasoning Preference Optimization (2024): 1; Llama 3 (2024): "
            "0.2; `rpo_alpha` of trl"
        ),
    ),
)

GENERATIONS: Final = Parameter(
    name="generations",
    type="integer",
    methods=(RLHF,),
    ranges={"*/*": Range(2, 64, (4, 16))},
    defaults={"*/*": 4},
    rule="Multiplied by `compute_multiplier`.",
    help=Help(
        meaning="Answers sampled for each prompt; what is better than their mean is reinforced.",
        too_large="Time: sampling is most of the cost.",
        too_small="The mean is noise, and so is what is learnt.",
        advice="4 to 8.",
        source="Ahmadian et al., RLOO (2024); trl",
    ),
)

COMPUTE_MULTIPLIER: Final = Parameter(
    name="compute_multiplier",
    type="number",
    methods=(RLHF,),
    ranges={"*/*": Range(0.5, 16, (0.5, 4))},
    defaults={"*/*": 1.0},
    help=Help(
        meaning="Multiplies the answers sampled for each prompt.",
        too_large="Time.",
        too_small="As too few generations.",
        advice="Leave it at 1.",
        source="OpenAI's fine-tuning API",
    ),
)

MAX_COMPLETION_TOKENS: Final = Parameter(
    name="max_completion_tokens",
    type="integer",
    methods=(RLHF, DISTILLATION),
    ranges={"*/*": Range(1, 32_768, (32, 1024))},
    defaults={"*/*": 256},
    rule="At most half of the model's context.",
    help=Help(
        meaning="The longest answer that is sampled, in tokens.",
        too_large="Time and memory; long ramblings are graded, too.",
        too_small="Answers are cut off and graded as they are.",
        advice="A little more than a good answer needs.",
        source="trl",
    ),
)

TEMPERATURE: Final = Parameter(
    name="temperature",
    type="number",
    methods=(RLHF, DISTILLATION),
    ranges={"*/*": Range(0, 2, (0.7, 1.2)), f"{RLHF}/*": Range(0.05, 2, (0.7, 1.2))},
    defaults={f"{RLHF}/*": 1.0, f"{DISTILLATION}/*": 0.0},
    help=Help(
        meaning="How freely answers are sampled.",
        too_large="Nonsense is sampled, and nothing worth reinforcing.",
        too_small="All answers to a prompt are the same, so none is better.",
        advice="1.0 for reinforcement, 0 for a teacher's answers.",
        source="trl",
    ),
)

KL_COEFFICIENT: Final = Parameter(
    name="kl_coefficient",
    type="number",
    methods=(RLHF,),
    ranges={"*/*": Range(0, 2, (0.01, 0.2))},
    defaults={"*/*": 0.05},
    help=Help(
        meaning="What it costs the model to speak differently from what it was (KL divergence).",
        too_large="Nothing changes.",
        too_small="The model finds what the grader likes and no person does (reward hacking).",
        advice="0.05; watch the series `kl` beside `reward`.",
        source="Ouyang et al., InstructGPT (2022); trl",
    ),
)

# What others follow from stands before them.
ALL: Final = (
    BETA, NLL_COEFFICIENT, COMPUTE_MULTIPLIER, GENERATIONS, MAX_COMPLETION_TOKENS, TEMPERATURE,
    KL_COEFFICIENT,
)  # fmt: skip
