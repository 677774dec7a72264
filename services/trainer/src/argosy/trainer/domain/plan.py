"""What a run will do: the user's parameters checked, "auto" resolved, steps counted.

Knows numbers and their limits. Does not know files, models or the database.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

MIN_TRAINING_ROWS: Final = 10
MIN_VALIDATION_ROWS: Final = 1
MAX_CHECKPOINTS: Final = 100

# "auto" aims at this many optimizer steps on small data: by 40 to 80 of them a LoRA of this
# platform's small default model has learnt a form (measured), fewer leave it half-learnt.
_TARGET_STEPS: Final = 80
_MIN_AUTO_EPOCHS: Final = 3
_MAX_AUTO_EPOCHS: Final = 25
# OpenAI's cap: "auto" trains on at most this many examples in all.
_MAX_TARGET_EXAMPLES: Final = 25_000
_AUTO_CHECKPOINTS: Final = 4
_AUTO_LORA_RANK: Final = 16
_AUTO_SEQUENCE: Final = 1024

# LoRA wants about ten times the rate of full tuning, and less the wider the model is.
# Source: Schulman et al., "LoRA Without Regret" (Thinking Machines, 2025): lr ∝ (2000/width)^0.78.
_REFERENCE_RATE: Final = 5e-4
_REFERENCE_WIDTH: Final = 2000
_WIDTH_EXPONENT: Final = 0.78
_UNKNOWN_WIDTH_RATE: Final = 2e-4


class BadParameter(ValueError):
    """A parameter out of its range; `param` is the field as the public API names it."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the user asked for; None means "auto"."""

    n_epochs: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    lora_rank: int | None = None
    learning_rate: float | None = None
    max_seq_length: int | None = None
    checkpoint_every_steps: int | None = None
    max_steps: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run. `max_steps` is the total whether it was asked for or not."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    lora_rank: int
    learning_rate: float
    max_seq_length: int
    checkpoint_every_steps: int
    max_steps: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a plan. `hidden_size` is the base model's width, None if unknown."""

    context_length: int
    max_lora_rank: int
    hidden_size: int | None = None


def make_plan(asked: Parameters, rows: int, limits: Limits) -> Plan:
    """Resolve every "auto" for a file of `rows` records; raises `BadParameter`."""
    _check(asked, limits)
    batch = asked.batch_size or _auto_batch(rows)
    per_epoch = math.ceil(rows / batch)
    epochs = asked.n_epochs or _auto_epochs(rows, per_epoch)
    total = asked.max_steps or epochs * per_epoch
    every = asked.checkpoint_every_steps or math.ceil(total / _AUTO_CHECKPOINTS)
    if math.ceil(total / every) > MAX_CHECKPOINTS:
        raise BadParameter(
            "argosy.checkpoint_every_steps",
            f"'argosy.checkpoint_every_steps' is {every}: that makes more than "
            f"{MAX_CHECKPOINTS} checkpoints in {total} steps. "
            f"Give at least {math.ceil(total / MAX_CHECKPOINTS)}, or leave it out.",
        )
    multiplier = asked.learning_rate_multiplier or 1.0
    rate = asked.learning_rate or _auto_rate(limits.hidden_size) * multiplier
    return Plan(
        n_epochs=epochs,
        batch_size=batch,
        learning_rate_multiplier=multiplier,
        lora_rank=asked.lora_rank or min(_AUTO_LORA_RANK, limits.max_lora_rank),
        learning_rate=rate,
        max_seq_length=asked.max_seq_length or min(_AUTO_SEQUENCE, limits.context_length),
        checkpoint_every_steps=every,
        max_steps=total,
    )


def _auto_batch(rows: int) -> int:
    """A tenth of the rows up to 8; from 4,000 rows on 0.2 % (OpenAI's share), at most 32."""
    return max(1, min(8, rows // 10), min(32, rows // 500))


def _auto_epochs(rows: int, steps_per_epoch: int) -> int:
    if rows * _MIN_AUTO_EPOCHS > _MAX_TARGET_EXAMPLES:
        return max(1, _MAX_TARGET_EXAMPLES // rows)
    wanted = math.ceil(_TARGET_STEPS / steps_per_epoch)
    return min(_MAX_AUTO_EPOCHS, max(_MIN_AUTO_EPOCHS, wanted))


def _auto_rate(hidden_size: int | None) -> float:
    if not hidden_size:
        return _UNKNOWN_WIDTH_RATE
    rate = _REFERENCE_RATE * (_REFERENCE_WIDTH / hidden_size) ** _WIDTH_EXPONENT
    # Two digits are all that such a rule knows.
    return float(f"{min(2e-3, max(5e-5, rate)):.1e}")


_PUBLIC: Final = {
    "n_epochs": "hyperparameters.n_epochs",
    "batch_size": "hyperparameters.batch_size",
    "learning_rate_multiplier": "hyperparameters.learning_rate_multiplier",
}


def public_name(field: str) -> str:
    """Return a parameter's name in the public API."""
    return _PUBLIC.get(field, f"argosy.{field}")


def _ranges(limits: Limits) -> dict[str, tuple[float, float, str]]:
    """Lowest and highest value of each parameter, and why the highest."""
    return {
        "n_epochs": (1, 50, ""),
        "batch_size": (1, 256, ""),
        "learning_rate_multiplier": (0.001, 100, ""),
        "lora_rank": (1, limits.max_lora_rank, " (the engines' limit, ARGOSY_MAX_LORA_RANK)"),
        "learning_rate": (1e-8, 0.1, ""),
        "max_seq_length": (16, limits.context_length, " (the model's context length)"),
        "checkpoint_every_steps": (1, 1_000_000, ""),
        "max_steps": (1, 1_000_000, ""),
    }


def _check(asked: Parameters, limits: Limits) -> None:
    ranges = _ranges(limits)
    for field in fields(asked):
        value: float | None = getattr(asked, field.name)
        low, high, why = ranges[field.name]
        # Written so that NaN, which compares as false, is refused too.
        if value is None or low <= value <= high:
            continue
        name = public_name(field.name)
        raise BadParameter(
            name,
            f"'{name}' is {value:g}, but must lie between {low:g} and {high:g}{why}. "
            "Leave it out to let Argosy choose.",
        )
