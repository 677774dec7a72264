"""Parameters of looking and keeping: checkpoints, validation, early stop, what is published."""

from __future__ import annotations

from typing import Final

from argosy.api.records import METHODS
from argosy.trainer.domain.parameters.parameter import Help, Parameter, Range

CHECKPOINT_EVERY_STEPS: Final = Parameter(
    name="checkpoint_every_steps",
    type="integer",
    ranges={"*/*": Range(1, 1_000_000, (50, 100))},
    rule="A quarter of the steps, at most 100.",
    help=Help(
        meaning="Optimizer steps from one checkpoint to the next.",
        too_large="A run that is interrupted loses more work; fewer checkpoints to choose from.",
        too_small="Time and disk for checkpoints that nobody looks at.",
        advice="50 to 100 steps, fewer if the run has fewer.",
        source="product range 50-100",
    ),
)

KEEP_CHECKPOINTS: Final = Parameter(
    name="keep_checkpoints",
    type="integer",
    optional=True,
    ranges={"*/*": Range(1, 100)},
    rule="All, at most 100.",
    help=Help(
        meaning=(
            "How many of a run's checkpoints can be chosen in the end: the newest, and the best "
            "one among them."
        ),
        too_large="Disk, and a long list of models.",
        too_small="The best checkpoint's neighbours are gone when you want to compare.",
        advice="1 up to the number of epochs.",
        source="product range 1 to the number of epochs",
    ),
)

VALIDATE_EVERY_STEPS: Final = Parameter(
    name="validate_every_steps",
    type="integer",
    ranges={"*/*": Range(0, 1_000_000, (10, 20))},
    aliases=("eval_interval",),
    rule="10, from 200 steps on 20; as often as a checkpoint, if those come more often.",
    help=Help(
        meaning="Optimizer steps from one look at the validation file to the next; 0 turns it off.",
        too_large="Overfitting is seen late.",
        too_small="Time: each look goes over the whole validation file.",
        advice="10 to 20 steps.",
        source="product range 10-20, 0 off",
    ),
)

EARLY_STOP_PATIENCE: Final = Parameter(
    name="early_stop_patience",
    type="integer",
    ranges={"*/*": Range(0, 100, (3, 10))},
    defaults={"*/*": 0},
    help=Help(
        meaning=(
            "Ends the run when this many looks at the validation file in a row brought nothing "
            "better; the best checkpoint becomes the model. 0 turns it off."
        ),
        too_large="It never comes to it.",
        too_small="A moment of bad luck ends the run.",
        advice="3 to 5, with a validation file of at least 50 records.",
        source="Prechelt, Early Stopping (1998)",
    ),
)

LOGGING_STEPS: Final = Parameter(
    name="logging_steps",
    type="integer",
    aliases=("loggingSteps",),
    ranges={"*/*": Range(1, 100)},
    defaults={"*/*": 1},
    help=Help(
        meaning="Steps from one event with figures to the next; the report has every step anyway.",
        too_large="The events tell little of how it goes.",
        too_small="A long list of events.",
        advice="1 for short runs, 10 for long ones.",
        source="the catalogue's 1-100",
    ),
)

PUBLISH: Final = Parameter(
    name="publish",
    type="choice",
    choices=("last", "best"),
    defaults={"*/*": "last"},
    help=Help(
        meaning=(
            "Which checkpoint becomes the model: the last, or the one with the lowest validation "
            "loss. A run that stopped early publishes the best."
        ),
        advice="best, with a validation file.",
        source="transformers",
    ),
)

VALIDATION_SPLIT: Final = Parameter(
    name="validation_split",
    type="number",
    methods=METHODS,
    ranges={"*/*": Range(0, 100, (5, 20)), "compression/*": Range(1, 90, (10, 30))},
    defaults={"*/*": 0.0, "compression/*": 20.0},
    help=Help(
        meaning="Records of the training file, in a hundred, that are kept for validation.",
        too_large="Too little is left to learn from.",
        too_small="The validation loss is noise.",
        advice="10 to 20, if there is no validation file, which takes its place.",
        source="the catalogue's 0-100 (20)",
    ),
)

ALL: Final = (
    CHECKPOINT_EVERY_STEPS, KEEP_CHECKPOINTS, VALIDATE_EVERY_STEPS, EARLY_STOP_PATIENCE,
    LOGGING_STEPS, PUBLISH, VALIDATION_SPLIT,
)  # fmt: skip
