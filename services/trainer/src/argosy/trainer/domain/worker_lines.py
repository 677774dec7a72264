"""What the training child says: one JSON object a line, read into typed records.

Knows the protocol's form. Does not know the process that speaks it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    total_steps: int
    resumed_from: int


@dataclass(frozen=True, slots=True)
class Step:
    """`tokens` are the non-padding tokens of the step's batch."""

    step: int
    train_loss: float | None
    train_mean_token_accuracy: float | None
    learning_rate: float | None
    grad_norm: float | None
    tokens: int
    tokens_per_second: float | None


@dataclass(frozen=True, slots=True)
class Validation:
    step: int
    valid_loss: float | None
    valid_mean_token_accuracy: float | None


@dataclass(frozen=True, slots=True)
class CheckpointWritten:
    step: int


@dataclass(frozen=True, slots=True)
class Finished:
    step: int


@dataclass(frozen=True, slots=True)
class Failed:
    reason: str
    message: str


Line = Started | Step | Validation | CheckpointWritten | Finished | Failed


class NotALine(ValueError):
    """The line is not one of the protocol's: some library printed it."""


def parse(raw: bytes) -> Line:
    """Read one line; raises `NotALine` for anything that the protocol does not know."""
    try:
        fields = json.loads(raw)
        if not isinstance(fields, dict):
            raise NotALine
        return _read(fields)
    except (ValueError, KeyError, TypeError) as error:
        raise NotALine from error


def _read(fields: dict[str, object]) -> Line:
    match fields.get("event"):
        case "started":
            return Started(_count(fields["total_steps"]), _count(fields.get("resumed_from", 0)))
        case "step":
            return Step(
                step=_count(fields["step"]),
                train_loss=_number(fields.get("train_loss")),
                train_mean_token_accuracy=_number(fields.get("train_mean_token_accuracy")),
                learning_rate=_number(fields.get("learning_rate")),
                grad_norm=_number(fields.get("grad_norm")),
                tokens=_count(fields.get("tokens", 0)),
                tokens_per_second=_number(fields.get("tokens_per_second")),
            )
        case "validation":
            return Validation(
                step=_count(fields["step"]),
                valid_loss=_number(fields.get("valid_loss")),
                valid_mean_token_accuracy=_number(fields.get("valid_mean_token_accuracy")),
            )
        case "checkpoint":
            return CheckpointWritten(_count(fields["step"]))
        case "finished":
            return Finished(_count(fields["step"]))
        case "failed":
            return Failed(str(fields.get("reason") or "internal"), str(fields.get("message") or ""))
        case _:
            raise NotALine


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NotALine
    return value


def _number(value: object) -> float | None:
    """A loss that overflowed comes as NaN or infinity: no JSON and no database wants those."""
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise NotALine
    return float(value) if math.isfinite(value) else None
