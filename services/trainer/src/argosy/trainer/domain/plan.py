"""What a run will do: the user's parameters checked, "auto" resolved, steps counted.

Knows numbers and their limits. Does not know files, models or the database.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from argosy.api.records import COMPRESSION, CUSTOM, DPO, KTO, POST_PRETRAIN, PROMPT_TUNING, RLHF
from argosy.trainer.domain import compression, memory
from argosy.trainer.domain.asked import Source
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.memory import Architecture, Device
from argosy.trainer.domain.parameters import table
from argosy.trainer.domain.parameters.compression import GPTQ, NEAREST, W4A16
from argosy.trainer.domain.parameters.parameter import BadParameter, Value
from argosy.trainer.domain.parameters.table import Bounds

MIN_TRAINING_ROWS: Final = 10
MIN_VALIDATION_ROWS: Final = 1
MAX_CHECKPOINTS: Final = 100

# "auto" aims at this many optimizer steps on small data: by 40 to 80 of them a LoRA of this
# platform's small default model has learnt a form (measured), fewer leave it half-learnt.
_TARGET_STEPS: Final = 80
_FEW_ROWS: Final = 1_000
_MIN_AUTO_EPOCHS: Final = 3
_MAX_AUTO_EPOCHS: Final = 25
# Pairs that the model tells apart already go on pushing it away from what it was, into nonsense.
_MAX_COMPARING_EPOCHS: Final = 3
# OpenAI's cap: "auto" trains on at most this many examples in all.
_MAX_TARGET_EXAMPLES: Final = 25_000
_AUTO_CHECKPOINTS: Final = 4
_LONGEST_AUTO_INTERVAL: Final = 100
_MAX_AUTO_BATCH: Final = 20
_MAX_AUTO_PROMPTS: Final = 8
_AUTO_SEQUENCE: Final = 1024
_FEWEST_GENERATIONS: Final = 2
_MOST_GENERATIONS: Final = 64
_SHORTEST_AUTO_SEQUENCE: Final = 128

# The wider a model, the lower the rate that it bears: lr ∝ (reference / width)^0.78.
# Source: Schulman et al., "LoRA Without Regret" (Thinking Machines, 2025). The reference is the
# width of the models that the table's defaults are for.
_REFERENCE_WIDTH: Final = 4096
_WIDTH_EXPONENT: Final = 0.78


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a plan: the model, the engines, the device; None where it is not known."""

    context_length: int
    max_lora_rank: int
    architecture: Architecture | None = None
    device: Device | None = None

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.context_length, self.max_lora_rank)

    @property
    def hidden_size(self) -> int | None:
        return self.architecture.hidden_size if self.architecture else None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the data: records that are trained on in all, and how long they are."""

    records: int
    validated: bool = False
    lengths: Lengths | None = None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run: every parameter that the method has at this scale, by name.

    `max_steps` is the total whether it was asked for or not. `optional` parameters that were not
    asked for are absent.
    """

    method: str
    scale: str
    values: Mapping[str, Value] = field(default_factory=dict)
    # Besides the training file, each with a rate.
    sources: tuple[Source, ...] = ()
    # Drawn from all of them together.
    records: int = 0
    # SHA-256 of what is learnt from, by id.
    hashes: Mapping[str, str] = field(default_factory=dict)
    # Of the trainer that made the plan.
    code_version: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plan:
        values = dict(stored)
        values["sources"] = tuple(Source(**source) for source in values.get("sources", ()))
        values["values"] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in stored["values"].items()
        }
        return cls(**values)

    def whole(self, name: str, default: int = 0) -> int:
        """Return an integer parameter; `default` where the plan has none."""
        value = self.values.get(name, default)
        if not isinstance(value, int):
            raise TypeError(f"{name} is {value!r}")
        return value

    def number(self, name: str) -> float:
        value = self.values[name]
        if not isinstance(value, int | float):
            raise TypeError(f"{name} is {value!r}")
        return float(value)

    @property
    def max_steps(self) -> int:
        # A compression is one step.
        return self.whole("max_steps", 1)

    @property
    def lora_rank(self) -> int:
        return self.whole("lora_rank")


def make_plan(
    asked: Mapping[str, object], method: str, scale: str, facts: Facts, limits: Limits
) -> Plan:
    """Resolve every "auto"; raises `BadParameter`."""
    given = table.judge(asked, method, scale, limits.bounds)
    values: dict[str, Value] = {}
    # In the table's order: a rule may look at what stands before it.
    for parameter in table.parameters_of(method, scale):
        value = given.get(parameter.name, parameter.default_of(method, scale))
        if parameter.name in _RULES and parameter.name not in given:
            value = _RULES[parameter.name](Plan(method, scale, values), facts, limits)
        if value is not None:
            values[parameter.name] = value
    plan = Plan(method, scale, values, facts.sources, facts.records)
    if method == COMPRESSION:
        compression.check_values(plan.values, limits.architecture, limits.device)
        return plan
    _check_checkpoints(plan, given)
    _check_validation(plan, facts)
    # Nobody knows what memory code of one's own takes.
    if method != CUSTOM:
        memory.check(plan.values, scale, limits.architecture, limits.device)
    return plan


def steps_per_epoch(plan: Plan, records: int) -> int:
    return math.ceil(records / plan.whole("batch_size"))


def _batch(plan: Plan, facts: Facts, limits: Limits) -> int:
    most = _MAX_AUTO_PROMPTS if plan.method == RLHF else _MAX_AUTO_BATCH
    return max(1, min(most, facts.records // 10))


def _epochs(plan: Plan, facts: Facts, limits: Limits) -> int:
    if plan.method in (POST_PRETRAIN, RLHF):
        return 1
    wanted = math.ceil(_TARGET_STEPS / steps_per_epoch(plan, facts.records))
    if plan.method in (DPO, KTO):
        return min(_MAX_COMPARING_EPOCHS, wanted)
    if facts.records * _MIN_AUTO_EPOCHS > _MAX_TARGET_EXAMPLES:
        return max(1, _MAX_TARGET_EXAMPLES // facts.records)
    if facts.records >= _FEW_ROWS:
        return _MIN_AUTO_EPOCHS
    return min(_MAX_AUTO_EPOCHS, max(_MIN_AUTO_EPOCHS, wanted))


def _rate(plan: Plan, facts: Facts, limits: Limits) -> float:
    """The table's rate, by the model's width."""
    found = table.parameter("learning_rate")
    rate = found.default_of(plan.method, plan.scale)
    bounds = found.range_of(plan.method, plan.scale)
    if not isinstance(rate, float) or bounds is None:
        raise TypeError("the table has no learning rate here")
    if limits.hidden_size and plan.scale != PROMPT_TUNING:
        # Two digits are all that such a rule knows.
        rate = float(f"{rate * (_REFERENCE_WIDTH / limits.hidden_size) ** _WIDTH_EXPONENT:.1e}")
    return min(bounds.high, max(bounds.low, rate * plan.number("learning_rate_multiplier")))


def _sequence(plan: Plan, facts: Facts, limits: Limits) -> int:
    if facts.lengths is None or not facts.lengths.records:
        return min(_AUTO_SEQUENCE, limits.context_length)
    size = _SHORTEST_AUTO_SEQUENCE
    while size < facts.lengths.longest:
        size *= 2
    return min(size, limits.context_length)


def _steps(plan: Plan, facts: Facts, limits: Limits) -> int:
    return plan.whole("n_epochs") * steps_per_epoch(plan, facts.records)


def _checkpoint_interval(plan: Plan, facts: Facts, limits: Limits) -> int:
    """A quarter of the steps; round above 10, so that validation falls on it; at most 100."""
    every = math.ceil(plan.max_steps / _AUTO_CHECKPOINTS)
    if every > 10:
        every = math.ceil(every / 10) * 10
    return min(every, _LONGEST_AUTO_INTERVAL)


def _validation_interval(plan: Plan, facts: Facts, limits: Limits) -> int:
    if not facts.validated:
        return 0
    every = plan.whole("checkpoint_every_steps")
    if every < 10:
        return every
    return 20 if plan.max_steps >= 200 and every % 20 == 0 else 10


def _alpha(plan: Plan, facts: Facts, limits: Limits) -> float:
    return 2.0 * plan.lora_rank


def _rank(plan: Plan, facts: Facts, limits: Limits) -> int:
    return min(_default(plan, "lora_rank"), limits.max_lora_rank)


def _generations(plan: Plan, facts: Facts, limits: Limits) -> int:
    wanted = round(_default(plan, "generations") * plan.number("compute_multiplier"))
    return min(_MOST_GENERATIONS, max(_FEWEST_GENERATIONS, wanted))


def _completion(plan: Plan, facts: Facts, limits: Limits) -> int:
    return min(_default(plan, "max_completion_tokens"), limits.context_length // 2)


def _rounding(plan: Plan, facts: Facts, limits: Limits) -> str:
    return GPTQ if plan.values["scheme"] == W4A16 else NEAREST


def _default(plan: Plan, name: str) -> int:
    default = table.parameter(name).default_of(plan.method, plan.scale)
    if not isinstance(default, int):
        raise TypeError(f"the table has no default of {name} here")
    return default


_RULES: Final[Mapping[str, Callable[[Plan, Facts, Limits], Value]]] = {
    "batch_size": _batch,
    "n_epochs": _epochs,
    "learning_rate": _rate,
    "generations": _generations,
    "max_seq_length": _sequence,
    "max_steps": _steps,
    "lora_rank": _rank,
    "lora_alpha": _alpha,
    "max_completion_tokens": _completion,
    "checkpoint_every_steps": _checkpoint_interval,
    "validate_every_steps": _validation_interval,
    "rounding": _rounding,
}


def _check_checkpoints(plan: Plan, given: Mapping[str, Value]) -> None:
    """More checkpoints than can be kept are refused, unless only some shall be kept."""
    every, total = plan.whole("checkpoint_every_steps"), plan.max_steps
    if "keep_checkpoints" in given or "checkpoint_every_steps" not in given:
        return
    if math.ceil(total / every) > MAX_CHECKPOINTS:
        raise BadParameter(
            "argosy.checkpoint_every_steps",
            f"'argosy.checkpoint_every_steps' is {every}: that makes more than "
            f"{MAX_CHECKPOINTS} checkpoints in {total} steps. "
            f"Give at least {math.ceil(total / MAX_CHECKPOINTS)}, leave it out, or say with "
            "'argosy.keep_checkpoints' how many to keep.",
        )


def _check_validation(plan: Plan, facts: Facts) -> None:
    """What looks at the validation loss needs one."""
    if facts.validated and plan.whole("validate_every_steps"):
        return
    for name, off in (("early_stop_patience", 0), ("publish", "last")):
        if plan.values.get(name, off) != off:
            raise BadParameter(
                f"argosy.{name}",
                f"'argosy.{name}' is {plan.values[name]!r}, which goes by the validation loss, "
                "but nothing is validated. Give a 'validation_file' or 'argosy.validation_split', "
                "and leave 'argosy.validate_every_steps' above 0.",
            )
