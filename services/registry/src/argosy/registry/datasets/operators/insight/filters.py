"""Which records a bar of a chart stands for.

A filter is `{"trait": NAME, "value": V}` or `{"trait": NAME, "min": LOW, "max": HIGH}`, the upper
end excluded; without `max` it is open. It goes out with each bar and comes back as a question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from argosy.registry.datasets.operators.insight.traits import Traits
from argosy.registry.domain.rules import RuleBroken

TRAITS: Final = tuple(field.name for field in fields(Traits))
_NAMED: Final = frozenset({"type", "language", "likeness", "label", "scene"})

Filter = dict[str, Any]


def equal_to(trait: str, value: Any) -> Filter:
    """Return the filter of one value."""
    return {"trait": trait, "value": value}


def between(trait: str, low: float, high: float | None) -> Filter:
    """Return the filter of a range."""
    return {"trait": trait, "min": low} | ({} if high is None else {"max": high})


def check(asked: Any) -> Filter:
    """Return a filter that a caller sent; raises RuleBroken."""
    if not isinstance(asked, Mapping) or asked.get("trait") not in TRAITS:
        raise RuleBroken(f"filter.trait must be one of: {', '.join(TRAITS)}.", param="filter")
    keys = {"trait", "value"} if asked["trait"] in _NAMED else {"trait", "value", "min", "max"}
    if len(asked) < 2 or not set(asked) <= keys or ("value" in asked and len(asked) > 2):
        raise RuleBroken(
            f"A filter on {asked['trait']} has either value"
            f"{', or min and max' if 'min' in keys else ''}.",
            param="filter",
        )
    for end in ("min", "max"):
        if end in asked and (
            isinstance(asked[end], bool) or not isinstance(asked[end], int | float)
        ):
            raise RuleBroken(f"filter.{end} must be a number.", param="filter")
    return dict(asked)


def passes(asked: Filter, traits: Mapping[str, Any]) -> bool:
    """Tell whether a record of these traits is one of the filter's."""
    value = traits.get(asked["trait"])
    if "value" in asked:
        return bool(value == asked["value"])
    if value is None:
        return False
    return bool(asked.get("min", value) <= value and ("max" not in asked or value < asked["max"]))
