"""What a parameter is: its range, its default by method and scale, and what to say about it.

Knows how one value is judged. Does not know which parameters there are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeGuard, TypeVar

from argosy.api.records import LEARNING, SCALES

Value = bool | int | float | str | tuple[str, ...]
Type = Literal["integer", "number", "boolean", "choice", "texts"]

T = TypeVar("T")

ANY: Final = "*"
_MOST_TEXTS: Final = 64
_TEXT: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class BadParameter(ValueError):
    """A value that cannot be; `param` is the field as the public API names it."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message


@dataclass(frozen=True, slots=True)
class Range:
    """Values outside `low` to `high` are refused, those outside `advised` get advice."""

    low: float
    high: float
    advised: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Help:
    """What the four questions of a form are answered with, and whose advice it is."""

    meaning: str
    too_large: str = ""
    too_small: str = ""
    advice: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    `defaults` and `ranges` are by "method/scale", either of which may be `*`; the more exact one
    wins, the method before the scale. A parameter without a default follows from data or model, as
    `rule` says; `optional` ones stay unset. `aliases` are names of older interfaces, `synonyms`
    their words for choices.
    """

    name: str
    type: Type
    help: Help
    ranges: Mapping[str, Range] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)
    rule: str = ""
    optional: bool = False
    methods: tuple[str, ...] = LEARNING
    scales: tuple[str, ...] = SCALES
    aliases: tuple[str, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=dict)

    def applies(self, method: str, scale: str) -> bool:
        return method in self.methods and scale in self.scales

    def range_of(self, method: str, scale: str) -> Range | None:
        return _most_exact(self.ranges, method, scale)

    def default_of(self, method: str, scale: str) -> Value | None:
        return _most_exact(self.defaults, method, scale)

    def judge(self, public: str, value: object, bounds: Range | None, why: str = "") -> Value:
        """Return `value` as the type it should have; raises `BadParameter` that names the range.

        `why` explains the upper bound where it is not the parameter's own.
        """
        match self.type:
            case "integer" | "number":
                return self._number(public, value, bounds, why)
            case "boolean":
                if isinstance(value, bool):
                    return value
                raise BadParameter(public, f"'{public}' must be true or false.")
            case "choice":
                if isinstance(value, str) and self.synonyms.get(value, value) in self.choices:
                    return self.synonyms.get(value, value)
                allowed = ", ".join(f"'{choice}'" for choice in self.choices)
                raise BadParameter(public, f"'{public}' must be one of {allowed}.")
            case "texts":
                return self._texts(public, value)

    def _number(self, public: str, value: object, bounds: Range | None, why: str) -> Value:
        if bounds is None:
            raise ValueError(f"{self.name} has no range")
        low, high = bounds.low, bounds.high
        span = f"must lie between {low:g} and {high:g}{why}"
        whole = "an integer" if self.type == "integer" else "a number"
        if not _is_number(value):
            raise BadParameter(public, f"'{public}' must be {whole}, and {span}.")
        # Written so that NaN, which compares as false, is refused too.
        if not low <= value <= high:
            raise BadParameter(
                public,
                f"'{public}' is {value:g}, but {span}. Leave it out to let Argosy choose.",
            )
        if self.type == "number":
            return float(value)
        if value != math.floor(value):
            raise BadParameter(public, f"'{public}' is {value:g}, but must be an integer.")
        return int(value)

    def _texts(self, public: str, value: object) -> Value:
        if isinstance(value, str) and value in self.choices:
            return value
        if isinstance(value, tuple) and 1 <= len(value) <= _MOST_TEXTS:
            texts = tuple(item for item in value if _TEXT.fullmatch(str(item)))
            if len(texts) == len(value):
                return texts
        words = " or ".join(f"'{choice}'" for choice in self.choices)
        raise BadParameter(
            public,
            f"'{public}' must be {words}, or 1 to {_MOST_TEXTS} names of letters, digits, "
            "'.', '_' and '-'.",
        )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _most_exact(by_place: Mapping[str, T], method: str, scale: str) -> T | None:
    for place in (f"{method}/{scale}", f"{method}/{ANY}", f"{ANY}/{scale}", f"{ANY}/{ANY}"):
        if place in by_place:
            return by_place[place]
    return None
