"""What a job takes: tokens, time, memory, money; before it as an estimate, after it as it was.

Knows sums. Does not know prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from argosy.api.records import COMPRESSION, CUSTOM
from argosy.trainer.domain import compression, memory
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.plan import Limits, Plan


@dataclass(frozen=True, slots=True)
class Cost:
    """`micros` are millionths of the currency unit; None is what nobody knows.

    `seconds` are those of the device that trains. A batch is trained in parts of `micro_batch`.
    """

    tokens: int | None = None
    seconds: float | None = None
    micros: int | None = None
    currency: str = ""
    memory_bytes: int | None = None
    micro_batch: int = 0
    accumulation: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Cost:
        return cls(**stored)


def needs(plan: Plan, lengths: Lengths | None, limits: Limits) -> Cost:
    """Return what a plan takes but for time and money."""
    if plan.method == COMPRESSION:
        shape = limits.architecture
        return Cost(
            tokens=_calibration_tokens(plan, lengths),
            memory_bytes=None if shape is None else compression.memory_bytes(shape),
        )
    batch = micro = plan.whole("batch_size")
    room = None
    # Nobody knows what memory code of one's own takes.
    known = plan.method != CUSTOM
    if known and limits.architecture is not None and limits.device is not None:
        need = memory.estimate(
            plan.values, plan.scale, limits.architecture, accelerated=limits.device.accelerated
        )
        micro = memory.micro_batch(batch, need, limits.device.memory_bytes)
        room = need.fixed + micro * need.record
    return Cost(
        tokens=training_tokens(plan, lengths),
        memory_bytes=room,
        micro_batch=micro,
        accumulation=-(-batch // micro),
    )


def training_tokens(plan: Plan, lengths: Lengths | None) -> int | None:
    """Return the tokens that all steps will take: those of the records that are kept, each as
    often as it is seen. None if the records were not measured."""
    if lengths is None or not lengths.records:
        return None
    length = plan.whole("max_seq_length")
    kept = lengths.records - lengths.longer_than(length)
    if not kept:
        return 0
    mean = lengths.tokens_up_to(length) / kept
    seen = min(plan.max_steps * plan.whole("batch_size"), plan.whole("n_epochs") * kept)
    return round(mean * seen)


def _calibration_tokens(plan: Plan, lengths: Lengths | None) -> int | None:
    """Return the tokens that a compression looks at, which change its result."""
    if not compression.looks_at_records(plan.values):
        return 0
    if lengths is None or not lengths.records:
        return None
    length = plan.whole("max_seq_length")
    kept = lengths.records - lengths.longer_than(length)
    seen = min(plan.whole("calibration_records"), plan.records, kept)
    return round(lengths.tokens_up_to(length) / kept * seen) if kept else 0
