"""What a user asks a job to do: method, scale, parameters, further data, who judges or teaches.

Knows the shape of the wish. Does not know whether it can be fulfilled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from argosy.api.records import LORA, SFT

Schedule = Literal["now", "idle"]
NOW: Final = "now"
IDLE: Final = "idle"

# Why a source is part of a job.
ASKED: Final = "asked"
OLD_DATA: Final = "old_data"


@dataclass(frozen=True, slots=True)
class Source:
    """Records besides the training file's; at most one of the three amounts is set.

    `rate`: drawn for each record that it has. `ratio`: drawn for each record of the training file.
    `percent`: of all that is trained on. `records` is how many it has, known once planned.
    """

    source: str
    rate: float | None = None
    ratio: float | None = None
    percent: float | None = None
    why: str = ASKED
    records: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """`parameters` are as they were sent. What is a mapping besides is JSON: `grader`, `teacher`,
    `response_format`, and `program` (whose code it is, and what it is told).
    """

    method: str = SFT
    scale: str = LORA
    parameters: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[Source, ...] = ()
    only_this_data: bool = False
    grader: Mapping[str, Any] | None = None
    reward_model: str = ""
    teacher: Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    program: Mapping[str, Any] | None = None
    schedule: str = NOW
    priority: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Asked:
        values = dict(stored)
        values["data"] = tuple(Source(**source) for source in values.get("data", ()))
        return cls(**values)
