"""What speaks for or against a plan: hints in words, none of which stops a job.

Knows plans, counts and the table's advised ranges. Does not know prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from argosy.api.records import (
    COMPRESSION,
    CUSTOM,
    DISTILLATION,
    FULL,
    LORA,
    ORPO,
    POST_PRETRAIN,
    PROMPT_TUNING,
    RLHF,
    SFT,
)
from argosy.trainer.domain import memory
from argosy.trainer.domain.parameters import table
from argosy.trainer.domain.plan import Facts, Limits, Plan

# Answers are learnt dependably from here on.
_ENOUGH_RECORDS: Final = 1_000
_ENOUGH_TOKENS: Final = 1_000_000_000
_SHORT_CONTEXT: Final = 4_096
_MANY_LONG: Final = 0.10

# Their advised range is said with more words below.
_SPECIAL: Final = {"n_epochs", "keep_checkpoints", "learning_rate"}


@dataclass(frozen=True, slots=True)
class Advice:
    """`param` is the field it is about; empty if none."""

    code: str
    param: str
    message: str


def advise(plan: Plan, facts: Facts, limits: Limits, skipped: tuple[str, ...] = ()) -> list[Advice]:
    """Return all hints, the weightiest first."""
    if plan.method == COMPRESSION:
        return [*_over_length(plan, facts, limits), *_ranges(plan), *_skipped(skipped)]
    return [
        *_over_length(plan, facts, limits),
        *_scale(plan, facts),
        *_amount(plan, facts),
        *_epochs(plan, facts),
        *_rate(plan, limits),
        *_checkpoints(plan),
        *_batch(plan, limits),
        *_validation(plan, facts),
        *_ranges(plan),
        *_skipped(skipped),
    ]


def _over_length(plan: Plan, facts: Facts, limits: Limits) -> Iterator[Advice]:
    if facts.lengths is None or not facts.lengths.records:
        return
    length, total = plan.whole("max_seq_length"), facts.lengths.records
    if plan.method != POST_PRETRAIN and (dropped := facts.lengths.longer_than(length)):
        yield Advice(
            "records_dropped",
            "argosy.max_seq_length",
            f"{dropped} of {total} will be dropped: they are longer than {length} tokens; the "
            f"longest has {facts.lengths.longest}.",
        )
    long = facts.lengths.longer_than(_SHORT_CONTEXT) / total
    if limits.context_length <= _SHORT_CONTEXT and long > _MANY_LONG:
        yield Advice(
            "context_too_short",
            "model",
            f"{long:.1%} of the records are longer than {_SHORT_CONTEXT:,} tokens, and this "
            f"model's context is {limits.context_length:,}. Choose the variant with 8k or more.",
        )


def _scale(plan: Plan, facts: Facts) -> Iterator[Advice]:
    if plan.scale == PROMPT_TUNING:
        yield Advice(
            "prompt_tuning_weak",
            "argosy.scale",
            "Prompt tuning is the weakest of the three scales and not advised; LoRA costs little "
            "more and learns far more.",
        )
    if plan.scale == FULL and facts.records < _ENOUGH_RECORDS:
        yield Advice(
            "full_update_on_few",
            "argosy.scale",
            f"A full update on {facts.records:,} records forgets general ability. Below "
            f"{_ENOUGH_RECORDS:,} records LoRA keeps it.",
        )
    if plan.scale == LORA and facts.records < _ENOUGH_RECORDS:
        yield Advice(
            "lora_fits",
            "argosy.scale",
            f"LoRA fits: {facts.records:,} records, under {_ENOUGH_RECORDS:,}, and the model's "
            "general ability is kept.",
        )


def _amount(plan: Plan, facts: Facts) -> Iterator[Advice]:
    """How much data is enough is advice: it depends on the scene and its variety."""
    if plan.method == POST_PRETRAIN:
        tokens = facts.lengths.tokens if facts.lengths else None
        if tokens is None:
            yield Advice(
                "few_tokens",
                "training_file",
                f"Post-pretraining is advised from {_ENOUGH_TOKENS:,} tokens on; the records were "
                "not measured. It runs on less, and teaches less.",
            )
        elif tokens < _ENOUGH_TOKENS:
            yield Advice(
                "few_tokens",
                "training_file",
                f"The data has {tokens:,} tokens; post-pretraining is advised from "
                f"{_ENOUGH_TOKENS:,} on. It runs on less, and teaches less.",
            )
    elif plan.method in (SFT, ORPO, DISTILLATION) and facts.records < _ENOUGH_RECORDS:
        yield Advice(
            "few_records",
            "training_file",
            f"{facts.records:,} records: 50 can teach a form, 100 a small task, dependable answers "
            f"are advised {_ENOUGH_RECORDS:,} or more. How many are enough depends on how varied "
            "the scene is.",
        )


def _epochs(plan: Plan, facts: Facts) -> Iterator[Advice]:
    epochs = plan.whole("n_epochs")
    found = table.parameter("n_epochs").range_of(plan.method, plan.scale)
    if found is None or found.advised is None or facts.records < _ENOUGH_RECORDS:
        return
    low, high = found.advised
    if epochs > high:
        yield Advice(
            "many_epochs",
            "hyperparameters.n_epochs",
            f"{epochs} epochs on {facts.records:,} records: {low:g} to {high:g} are advised; with "
            "more the records are learnt by heart.",
        )


def _rate(plan: Plan, limits: Limits) -> Iterator[Advice]:
    """The advised range is for wide models: a narrow one may go above it as the default does."""
    found = table.parameter("learning_rate")
    bounds, default = (
        found.range_of(plan.method, plan.scale),
        found.default_of(plan.method, plan.scale),
    )
    if bounds is None or bounds.advised is None or not isinstance(default, float):
        return
    low, high = bounds.advised
    # As far above the range's end as this model's own default is above the table's.
    width = limits.hidden_size or 4096
    room = 1.0 if plan.scale == PROMPT_TUNING else max(1.0, (4096 / width) ** 0.78)
    rate = plan.number("learning_rate")
    if not low <= rate <= high * room * 1.05:
        yield Advice(
            "unusual_learning_rate",
            "argosy.learning_rate",
            f"The learning rate {rate:g} is outside {low:g} to {high * room:.2g}, which is advised "
            f"for '{plan.method}' at the scale '{plan.scale}' on a model of this width. "
            + (found.help.too_large if rate > high else found.help.too_small),
        )


def _checkpoints(plan: Plan) -> Iterator[Advice]:
    keep, epochs = plan.whole("keep_checkpoints"), plan.whole("n_epochs")
    if keep > epochs:
        yield Advice(
            "many_checkpoints",
            "argosy.keep_checkpoints",
            f"'argosy.keep_checkpoints' is {keep}: 1 to {epochs}, the number of epochs, are "
            "advised.",
        )


def _batch(plan: Plan, limits: Limits) -> Iterator[Advice]:
    if plan.method == CUSTOM or limits.architecture is None or limits.device is None:
        return
    need = memory.estimate(
        plan.values, plan.scale, limits.architecture, accelerated=limits.device.accelerated
    )
    batch = plan.whole("batch_size")
    micro = memory.micro_batch(batch, need, limits.device.memory_bytes)
    if 0 < micro < batch:
        yield Advice(
            "batch_in_parts",
            "hyperparameters.batch_size",
            f"A batch of {batch} does not fit into memory at once: it is trained in parts of "
            f"{micro}, whose gradients are added up. The result is the same.",
        )


def _validation(plan: Plan, facts: Facts) -> Iterator[Advice]:
    if not facts.validated and plan.method != RLHF:
        yield Advice(
            "no_validation",
            "validation_file",
            "Nothing is validated, so overfitting cannot be seen. Give a 'validation_file' or "
            "'argosy.validation_split'.",
        )


def _ranges(plan: Plan) -> Iterator[Advice]:
    for parameter in table.parameters_of(plan.method, plan.scale):
        bounds, value = parameter.range_of(plan.method, plan.scale), plan.values.get(parameter.name)
        if parameter.name in _SPECIAL or bounds is None or bounds.advised is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        # What was chosen by a rule needs no advice, and 0 is "off" where it is allowed.
        low, high = bounds.advised
        default = parameter.default_of(plan.method, plan.scale)
        if low <= value <= high or value in (0, default):
            continue
        if parameter.rule and value < low:
            continue
        name = table.public_name(parameter.name, plan.method)
        text = parameter.help.too_large if value > high else parameter.help.too_small
        yield Advice(
            "unusual_value",
            name,
            f"'{name}' is {value:g}; {low:g} to {high:g} are advised. {text}".strip(),
        )


def _skipped(skipped: tuple[str, ...]) -> Iterator[Advice]:
    for source in skipped:
        yield Advice(
            "old_data_skipped",
            "argosy.data",
            f"'{source}', which the model learnt from before, cannot be mixed in (it is gone, or "
            "of another kind) and is left out.",
        )
