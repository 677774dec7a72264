"""Parameters of the training itself: how long, how fast, how much at once. Knows data only."""

from __future__ import annotations

from typing import Final

from argosy.api.records import DPO, KTO, METHODS, ORPO, POST_PRETRAIN, REWARD, RLHF
from argosy.trainer.domain.parameters.parameter import Help, Parameter, Range

_CATALOGUE: Final = "the catalogue's ranges for this scale"
_RECIPES: Final = "recipes of the field for this method"

EPOCHS: Final = Parameter(
    name="n_epochs",
    type="integer",
    aliases=("epoch",),
    ranges={
        "*/*": Range(1, 50, (1, 5)),
        f"{POST_PRETRAIN}/*": Range(1, 10, (1, 2)),
    },
    rule=(
        "Under 1,000 records as many as make about 80 steps, at most 25; from there 3, and fewer "
        "when 25,000 examples would be passed. DPO and KTO: as many as make about 80 steps, at "
        "most 3. Post-pretraining and reinforcement: 1."
    ),
    help=Help(
        meaning="How often training goes over all records.",
        too_large=(
            "The model learns the records by heart: the training loss nears 0, answers to new "
            "requests get worse (overfitting)."
        ),
        too_small="The form or the facts are learnt by half (underfitting): the loss still falls.",
        advice=(
            "1 to 5 from 1,000 records on. With less data more rounds: about 15 for 100 records, "
            "10 for 1,000, 2 for 10,000. The more data, the fewer rounds."
        ),
        source="product range 1-5; practitioners' rule 15/10/2 by data size",
    ),
)

BATCH_SIZE: Final = Parameter(
    name="batch_size",
    type="integer",
    aliases=("batchSize",),
    ranges={"*/*": Range(1, 256, (10, 20)), f"{POST_PRETRAIN}/*": Range(1, 960, (10, 256))},
    rule=(
        "A tenth of the records, at most 20. A batch that does not fit into memory at once is "
        "trained in parts whose gradients are added up."
    ),
    help=Help(
        meaning="Records that one optimizer step learns from.",
        too_large="Few steps an epoch, so less is learnt in the same number of epochs.",
        too_small="The loss jumps from step to step, and training is slow.",
        advice="10 to 20 records a step; the memory estimate decides how many are held at once.",
        source="10-20 as an effective batch, reached by accumulation",
    ),
)

# Rates for a model 4,096 wide; narrower ones take more, see `plan`.
LEARNING_RATE: Final = Parameter(
    name="learning_rate",
    type="number",
    aliases=("learningRate",),
    ranges={
        "*/lora": Range(1e-7, 2e-2, (3e-5, 1e-3)),
        "*/full": Range(1e-8, 2e-3, (1e-5, 4e-5)),
        "*/prompt_tuning": Range(1e-4, 0.5, (3e-3, 0.1)),
        f"{DPO}/lora": Range(1e-7, 2e-2, (1e-6, 3e-4)),
        f"{KTO}/lora": Range(1e-7, 2e-2, (1e-6, 3e-4)),
        f"{RLHF}/lora": Range(1e-7, 2e-2, (1e-6, 3e-4)),
        f"{DPO}/full": Range(1e-8, 2e-3, (5e-7, 1e-5)),
        f"{KTO}/full": Range(1e-8, 2e-3, (5e-7, 1e-5)),
        f"{RLHF}/full": Range(1e-8, 2e-3, (5e-7, 1e-5)),
    },
    defaults={
        "*/lora": 3e-4,
        "*/full": 3e-5,
        "*/prompt_tuning": 0.03,
        f"{DPO}/lora": 2e-5,
        f"{KTO}/lora": 5e-5,
        f"{ORPO}/lora": 1e-4,
        f"{REWARD}/lora": 1e-4,
        f"{RLHF}/lora": 3e-5,
        f"{DPO}/full": 2e-6,
        f"{KTO}/full": 2e-6,
        f"{ORPO}/full": 8e-6,
        f"{REWARD}/full": 1e-5,
        f"{RLHF}/full": 1e-6,
        f"{POST_PRETRAIN}/full": 2e-5,
    },
    rule=(
        "The default is for a model 4,096 wide. Narrower models bear more: it grows by "
        "(4096 / width)^0.78, within the range. Prompt tuning keeps its rate."
    ),
    help=Help(
        meaning="How far one step moves the weights, at the peak of the schedule.",
        too_large="The loss jumps or grows, and the model forgets what it could do.",
        too_small="The loss hardly falls in the steps there are.",
        advice=(
            "Leave it out at first: each method and scale has its own. Full tuning wants about a "
            "tenth of LoRA's rate, preference methods less than supervised ones."
        ),
        source=f"{_CATALOGUE} (3e-4 LoRA, 3e-5 full, 0.03 prompt tuning); {_RECIPES}",
    ),
)

LEARNING_RATE_MULTIPLIER: Final = Parameter(
    name="learning_rate_multiplier",
    type="number",
    ranges={"*/*": Range(0.001, 1000, (0.1, 10))},
    defaults={"*/*": 1.0},
    help=Help(
        meaning="Multiplies the default learning rate; a given `learning_rate` wins over it.",
        too_large="As too large a learning rate.",
        too_small="As too small a learning rate.",
        advice="Try 0.5 or 2 before an own `learning_rate`.",
        source="OpenAI's fine-tuning API",
    ),
)

SCHEDULER: Final = Parameter(
    name="lr_scheduler",
    type="choice",
    aliases=("schedulerName",),
    choices=("cosine", "linear", "polynomial", "constant", "constant_with_warmup"),
    defaults={"*/*": "cosine"},
    help=Help(
        meaning="How the learning rate goes on after the warm-up.",
        advice="cosine falls slowly, then fast, then slowly, and does well nearly always.",
        source=_CATALOGUE,
    ),
)

WARMUP: Final = Parameter(
    name="warmup_ratio",
    type="number",
    aliases=("warmupRatio",),
    ranges={"*/*": Range(0, 0.5, (0.01, 0.1))},
    defaults={"*/*": 0.1},
    help=Help(
        meaning="Share of the steps in which the learning rate climbs to its peak.",
        too_large="Much of the training runs at a low rate and learns little.",
        too_small="The first steps may push the weights off before the optimizer knows the scale.",
        advice="0.03 to 0.1; with under 100 steps 0.1.",
        source=_CATALOGUE,
    ),
)

WEIGHT_DECAY: Final = Parameter(
    name="weight_decay",
    type="number",
    aliases=("weightDecay",),
    ranges={"*/*": Range(0, 1, (0, 0.1))},
    defaults={"*/*": 0.0, "*/full": 0.01},
    help=Help(
        meaning="Pulls the weights towards 0 at each step, against overfitting.",
        too_large="The model cannot hold on to what it learns.",
        too_small="No harm with LoRA: its rank bounds what can be learnt by heart.",
        advice="0 with LoRA, 0.01 with full tuning.",
        source=_CATALOGUE,
    ),
)

MAX_SEQ_LENGTH: Final = Parameter(
    name="max_seq_length",
    type="integer",
    aliases=("maxSeqLen",),
    methods=METHODS,
    ranges={"*/*": Range(16, 1_048_576)},
    rule=(
        "The smallest of 128, 256, 512, … that the longest record fits into, at most the model's "
        "context length; 1,024 if the records were not measured."
    ),
    help=Help(
        meaning=(
            "The longest record that is learnt from, in tokens: chat template, prompt and answer "
            "together."
        ),
        too_large="Memory and time for nothing, if no record is that long.",
        too_small="Longer records are dropped; the preview says how many.",
        advice="The smallest size that the longest record fits into.",
        source="longest record of the data",
    ),
)

MAX_STEPS: Final = Parameter(
    name="max_steps",
    type="integer",
    ranges={"*/*": Range(1, 1_000_000)},
    rule="All epochs.",
    help=Help(
        meaning="Ends training after this many optimizer steps, wherever the epochs stand.",
        too_large="More passes over the data than the epochs say.",
        too_small="Not every record may be seen.",
        advice="For trials; else leave it out and set the epochs.",
        source="trl",
    ),
)

PACKING: Final = Parameter(
    name="packing",
    type="boolean",
    aliases=("Packing",),
    methods=(POST_PRETRAIN,),
    defaults={"*/*": True},
    help=Help(
        meaning="Texts are joined and cut into sequences of the full length.",
        advice="On: short texts would leave most of a sequence empty.",
        source="trl",
    ),
)

GRADIENT_CHECKPOINTING: Final = Parameter(
    name="gradient_checkpointing",
    type="boolean",
    optional=True,
    rule="On where a GPU trains.",
    help=Help(
        meaning="Computes activations twice instead of keeping them: less memory, more time.",
        advice="On if the memory estimate is above what the device has.",
        source="transformers",
    ),
)

# What others follow from stands before them.
ALL: Final = (
    BATCH_SIZE, EPOCHS, LEARNING_RATE_MULTIPLIER, LEARNING_RATE, SCHEDULER, WARMUP, WEIGHT_DECAY,
    MAX_SEQ_LENGTH, MAX_STEPS, PACKING, GRADIENT_CHECKPOINTING,
)  # fmt: skip
