"""Parameters of compression: how small the weights get, and what is measured of the result."""

from __future__ import annotations

from typing import Final

from argosy.api.records import COMPRESSION
from argosy.trainer.domain.parameters.parameter import Help, Parameter, Range

W8A8: Final = "w8a8"
W8A16: Final = "w8a16"
W4A16: Final = "w4a16"
NEAREST: Final = "nearest"
GPTQ: Final = "gptq"

_ALONE: Final = (COMPRESSION,)

STRATEGY: Final = Parameter(
    name="strategy",
    type="choice",
    methods=_ALONE,
    choices=("quantization",),
    synonyms={"Quantization": "quantization"},
    defaults={"*/*": "quantization"},
    help=Help(
        meaning=(
            "How weights get smaller. Sparsity is not offered: no engine here computes sparse "
            "weights faster, and where they are not trained again they answer worse."
        ),
        advice="quantization.",
        source="the catalogue's Quantization",
    ),
)

SCHEME: Final = Parameter(
    name="scheme",
    type="choice",
    methods=_ALONE,
    choices=(W8A8, W8A16, W4A16),
    synonyms={"INT8-PTQ": W8A8, "W8A8": W8A8, "W8A16C16": W8A16, "W4A16C16": W4A16},
    defaults={"*/*": W8A8},
    help=Help(
        meaning=(
            "Bits of a weight (w) and of what flows through the layers (a). w8a8 multiplies "
            "integers with integers: half the size, and faster where the engine has kernels for "
            "it and many requests at once. w8a16 is half the size and nearest to the original. "
            "w4a16 is a quarter."
        ),
        advice="w8a8, after measuring on your engine; w4a16 where memory is what lacks.",
        source="the catalogue's INT8-PTQ, W8A16C16, W4A16C16",
    ),
)

ROUNDING: Final = Parameter(
    name="rounding",
    type="choice",
    methods=_ALONE,
    choices=(NEAREST, GPTQ),
    rule="gptq for w4a16, else nearest.",
    help=Help(
        meaning=(
            "How a weight becomes an integer: the nearest one, or by GPTQ, which looks at the "
            "training file's records and makes up for each error in the weights that follow."
        ),
        advice="gptq for 4 bits; for 8 bits it changes little and takes longer.",
        source="Frantar et al., GPTQ (2022)",
    ),
)

GROUP_SIZE: Final = Parameter(
    name="group_size",
    type="integer",
    methods=_ALONE,
    optional=True,
    ranges={"*/*": Range(32, 128)},
    rule="The largest of 128, 64 and 32 that divides the model's widths.",
    help=Help(
        meaning="Weights that share a scale: 32, 64 or 128. w8a8 has one for each channel.",
        too_large="Coarser: one large weight blurs all its neighbours.",
        too_small="The scales take room themselves: 4 % of a 4-bit model at 128, 12 % at 32.",
        advice="Leave it out.",
        source="llm-compressor",
    ),
)

CALIBRATION_RECORDS: Final = Parameter(
    name="calibration_records",
    type="integer",
    methods=_ALONE,
    ranges={"*/*": Range(1, 2_048, (64, 512))},
    defaults={"*/*": 128},
    help=Help(
        meaning="Records of the training file that GPTQ looks at; drawn by the seed.",
        too_large="Time and memory: each goes through the whole model.",
        too_small="The weights fit these records and nothing else.",
        advice="128 to 512, of the kind that the model will be asked.",
        source="llm-compressor's examples",
    ),
)

MEASURED_ANSWERS: Final = Parameter(
    name="measured_answers",
    type="integer",
    methods=_ALONE,
    ranges={"*/*": Range(0, 200, (8, 50))},
    defaults={"*/*": 8},
    help=Help(
        meaning=(
            "Answers of 32 tokens that the original and the compressed model each write, in turns, "
            "for tokens a second and latency side by side. 0 turns it off."
        ),
        too_large="Time: a small model on a CPU takes seconds an answer.",
        too_small="The 95th percentile is the worst answer.",
        advice="8; 20 and more for a percentile that means something.",
        source="Argosy",
    ),
)

ALL: Final = (
    STRATEGY, SCHEME, ROUNDING, GROUP_SIZE, CALIBRATION_RECORDS, MEASURED_ANSWERS,
)  # fmt: skip
