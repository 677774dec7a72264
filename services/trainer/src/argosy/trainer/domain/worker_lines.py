"""What the training child says: one JSON object a line, read into typed records.

Knows the protocol's form. Does not know the process that speaks it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Started:
    total_steps: int
    resumed_from: int


@dataclass(frozen=True, slots=True)
class Step:
    """`tokens` are the non-padding tokens of the step's batch, `records` its lines in the file,

    counted from 1. `values` are what the method measures besides: reward, kl, margin, …
    """

    step: int
    train_loss: float | None
    train_mean_token_accuracy: float | None
    learning_rate: float | None
    grad_norm: float | None
    tokens: int
    tokens_per_second: float | None
    values: Mapping[str, float] = field(default_factory=dict)
    records: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Validation:
    step: int
    valid_loss: float | None
    valid_mean_token_accuracy: float | None
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Records that cannot be learnt from; `lines` are the first of them, counted from 1."""

    count: int
    lines: tuple[int, ...]
    reason: str
    of: str


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer that the model gave while it was trained, and what it got for it."""

    step: int
    prompt: str
    text: str
    logprob: float | None
    reward: float | None


@dataclass(frozen=True, slots=True)
class EarlyStopped:
    step: int
    best_step: int


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


Line = (
    Started
    | Step
    | Validation
    | CheckpointWritten
    | Finished
    | Failed
    | Dropped
    | Sample
    | EarlyStopped
)

_MOST_LINES = 1000
_MOST_VALUES = 64
_LONGEST_TEXT = 20_000


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
                values=_values(fields.get("values")),
                records=_lines(fields.get("records")),
            )
        case "validation":
            return Validation(
                step=_count(fields["step"]),
                valid_loss=_number(fields.get("valid_loss")),
                valid_mean_token_accuracy=_number(fields.get("valid_mean_token_accuracy")),
                values=_values(fields.get("values")),
            )
        case "checkpoint":
            return CheckpointWritten(_count(fields["step"]))
        case "finished":
            return Finished(_count(fields["step"]))
        case "failed":
            return Failed(str(fields.get("reason") or "internal"), str(fields.get("message") or ""))
        case "dropped":
            return Dropped(
                _count(fields["count"]),
                _lines(fields.get("lines")),
                _text(fields.get("reason")),
                _text(fields.get("of")) or "training",
            )
        case "sample":
            return Sample(
                _count(fields.get("step", 0)),
                _text(fields.get("prompt")),
                _text(fields.get("text")),
                _number(fields.get("logprob")),
                _number(fields.get("reward")),
            )
        case "early_stopped":
            return EarlyStopped(_count(fields["step"]), _count(fields["best_step"]))
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


def _values(value: object) -> dict[str, float]:
    """A value that is not a finite number is left out."""
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > _MOST_VALUES:
        raise NotALine
    read = {str(name)[:64]: _number(number) for name, number in value.items()}
    return {name: number for name, number in read.items() if number is not None}


def _lines(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise NotALine
    return tuple(_count(line) for line in value[:_MOST_LINES])


def _text(value: object) -> str:
    """PostgreSQL keeps no NUL in a text."""
    return str(value or "")[:_LONGEST_TEXT].replace("\0", "")
