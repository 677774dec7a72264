"""All parameters, which of them a method and scale have, and a request's values judged by them.

Knows the whole table. Does not know how "auto" is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from argosy.trainer.domain.parameters import (
    adapters,
    compression,
    keeping,
    preference,
    training,
)
from argosy.trainer.domain.parameters.parameter import BadParameter, Parameter, Range, Value

TABLE: Final = (*training.ALL, *adapters.ALL, *preference.ALL, *keeping.ALL, *compression.ALL)

_BY_NAME: Final = {name: p for p in TABLE for name in (p.name, *p.aliases)}
# An older interface's switch for what `target_modules` says.
_ALL_LINEAR: Final = "loraAllLinear"

# What OpenAI's API has a place for, by its name of the method.
_OPENAI: Final = {
    "n_epochs", "batch_size", "learning_rate_multiplier",
    "compute_multiplier", "eval_interval",
}  # fmt: skip


# No model's context is longer; the table's own bound.
LONGEST_CONTEXT: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Bounds:
    """What model and engines allow at most."""

    context_length: int
    max_lora_rank: int


def parameters_of(method: str, scale: str) -> tuple[Parameter, ...]:
    """Return the parameters that a method has at a scale, in the table's order."""
    return tuple(p for p in TABLE if p.applies(method, scale))


def parameter(name: str) -> Parameter:
    """Return a parameter by its name or an older one. Raises KeyError."""
    return _BY_NAME[name]


def public_name(name: str, method: str = "") -> str:
    """Return a parameter's name in the public API."""
    if name in _OPENAI or (name == "beta" and method == "dpo"):
        return f"hyperparameters.{name}"
    return f"argosy.{name}"


def range_of(
    parameter: Parameter, method: str, scale: str, bounds: Bounds
) -> tuple[Range | None, str]:
    """Return a parameter's range on this model, and why its end is there if that is the model's."""
    found = parameter.range_of(method, scale)
    if found is None:
        return None, ""
    if parameter is adapters.LORA_RANK:
        why = " (the engines' limit, ARGOSY_MAX_LORA_RANK)"
        return replace(found, high=bounds.max_lora_rank), why
    if parameter in (training.MAX_SEQ_LENGTH, preference.MAX_COMPLETION_TOKENS):
        return replace(found, high=bounds.context_length), " (the model's context length)"
    return found, ""


def judge(asked: Mapping[str, object], method: str, scale: str, bounds: Bounds) -> dict[str, Value]:
    """Return the values that were asked for, by the table's names.

    Raises `BadParameter` that names the field as it was sent, and its range.
    """
    judged: dict[str, Value] = {}
    for name, value in _without_switch(asked).items():
        public = public_name(name, method)
        found = _BY_NAME.get(name)
        if found is None:
            raise BadParameter(public, _unknown(name, public, method, scale))
        if not found.applies(method, scale):
            raise BadParameter(
                public,
                f"'{public}' means nothing for the method '{method}' at the scale '{scale}'. "
                "Leave it out.",
            )
        if found.name in judged:
            raise BadParameter(public, f"'{public}' is given twice: it means '{found.name}'.")
        judged[found.name] = found.judge(public, value, *range_of(found, method, scale, bounds))
    return judged


def _without_switch(asked: Mapping[str, object]) -> dict[str, object]:
    values = dict(asked)
    switch = values.pop(_ALL_LINEAR, None)
    if switch is True or switch == "True":
        values.setdefault(adapters.TARGET_MODULES.name, "all-linear")
    elif switch is not None and switch is not False and switch != "False":
        public = public_name(_ALL_LINEAR)
        raise BadParameter(public, f"'{public}' must be true or false.")
    return values


def _unknown(name: str, public: str, method: str, scale: str) -> str:
    known = [p.name for p in parameters_of(method, scale)]
    near = get_close_matches(name[:64], known, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return (
        f"Unknown parameter: '{public[:80]}'. {hint}"
        "GET /v1/fine_tuning/methods lists each method's parameters."
    )
