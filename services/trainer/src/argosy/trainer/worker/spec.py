"""What a run is told: the typed form of `RUN_DIR/spec.json`, written by the supervisor.

Knows fields, types and defaults. Does not know which values are wise: the supervisor has judged
them, so a bad one here is a mistake of Argosy's and not of the user's.
"""

import json
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from argosy.trainer.worker.failures import Failure, Reason

# Names of `argosy.api.records`, which is not installed in the ML environment.
SFT, POST_PRETRAIN, DPO, KTO, ORPO = "sft", "post_pretrain", "dpo", "kto", "orpo"
REWARD, RLHF, DISTILLATION = "reward", "rlhf", "distillation"
METHODS = (SFT, POST_PRETRAIN, DPO, KTO, ORPO, REWARD, RLHF, DISTILLATION)
# Methods that one process trains by: a step's estimates take all of its answers together.
ALONE = (KTO, RLHF)
LORA, FULL, PROMPT_TUNING = "lora", "full", "prompt_tuning"
SCALES = (LORA, FULL, PROMPT_TUNING)

DIALOGUE, PREFERENCE, UNPAIRED = "dialogue", "preference", "unpaired"
RANKED, PROMPTS, TEXT = "ranked", "prompts", "text"
LEARNS_FROM = {
    SFT: (DIALOGUE,),
    POST_PRETRAIN: (TEXT,),
    DPO: (PREFERENCE, RANKED),
    KTO: (UNPAIRED, PREFERENCE),
    ORPO: (PREFERENCE, RANKED),
    REWARD: (PREFERENCE, RANKED),
    RLHF: (PROMPTS, DIALOGUE),
    # Its answers were given by the teacher, before the run.
    DISTILLATION: (DIALOGUE,),
}
# The learning rate's way after its climb, and the library's name for it.
SCHEDULERS = ("cosine", "linear", "constant")


@dataclass(frozen=True)
class Source:
    """A file of records, and the share of them that is trained on: 0.1 is a tenth, 2 is twice."""

    path: Path
    rate: float = 1.0


@dataclass(frozen=True)
class Spec:
    """Paths are absolute. Counts and sizes are at least 1."""

    job_id: str
    weights_path: Path
    seed: int
    n_epochs: int
    # Records a step; of RLHF, prompts a step.
    batch_size: int
    # The peak of the schedule.
    learning_rate: float
    # Tokens of template, prompt and answer; a longer record is left out.
    max_seq_length: int
    checkpoint_every_steps: int
    # The one source, unless `sources` names several.
    training_file: Path | None = None
    sources: tuple[Source, ...] = ()
    validation_file: Path | None = None
    # Wins over n_epochs.
    max_steps: int | None = None
    # A checkpoint directory of this run.
    resume_from: Path | None = None

    method: str = SFT
    scale: str = LORA
    # What a line of the files is; None: the first kind that the method learns from.
    data_kind: str | None = None
    # Training starts from this adapter of the same base, and its result takes that one's place.
    base_adapter_path: Path | None = None

    lora_rank: int = 16
    # None: twice the rank.
    lora_alpha: float | None = None
    lora_dropout: float = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"
    virtual_tokens: int = 20

    lr_scheduler: str = "cosine"
    # The share of the steps in which the learning rate climbs.
    warmup_ratio: float = 0.1
    weight_decay: float = 0.0
    # Texts are joined and cut to whole sequences; other kinds of record are never joined.
    packing: bool = True
    # GPUs (on a CPU: processes) that share each step's records.
    processes: int = 1
    # None: on GPUs only.
    gradient_checkpointing: bool | None = None

    # None: at each checkpoint; 0: never.
    validate_every_steps: int | None = None
    # Validations in a row without a better loss that end the run; 0: the run goes on to its end.
    early_stop_patience: int = 0

    # How much the policy holds to its start (DPO, KTO), or how much a pair weighs (ORPO).
    beta: float = 0.1
    # What the better answer's own cross-entropy weighs beside the comparison (DPO).
    nll_coefficient: float = 0.0
    generations: int = 4
    max_completion_tokens: int = 128
    temperature: float = 1.0
    kl_coefficient: float = 0.05
    # An OpenAI grader. The reward of RLHF is its score plus the reward model's.
    grader: dict[str, Any] | None = None
    # An adapter folder or a whole model, with a score head.
    reward_model_path: Path | None = None
    # The base of a reward model that is an adapter; None: `weights_path`.
    reward_weights_path: Path | None = None
    # {"weights_path", "temperature"?, "share"?}: learn from its distribution (distillation).
    teacher: dict[str, Any] | None = None

    def training_sources(self) -> tuple[Source, ...]:
        if self.sources or self.training_file is None:
            return self.sources
        return (Source(self.training_file),)

    def kind(self) -> str:
        return self.data_kind or LEARNS_FROM[self.method][0]


PATHS = {
    "weights_path", "training_file", "validation_file", "resume_from", "base_adapter_path",
    "reward_model_path", "reward_weights_path",
}  # fmt: skip
COUNTS = (
    "n_epochs", "batch_size", "lora_rank", "max_seq_length", "checkpoint_every_steps", "max_steps",
    "virtual_tokens", "generations", "max_completion_tokens", "processes",
)  # fmt: skip


def load_spec(run_dir: Path) -> Spec:
    """Raises Failure(internal): a bad spec is the supervisor's mistake, not the user's."""
    file = run_dir / "spec.json"
    try:
        return parse_spec(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise Failure(Reason.INTERNAL, f"{file.name} cannot be read: {error}") from error


def parse_spec(raw: dict[str, Any]) -> Spec:
    """Raises ValueError that names the field. A null is as good as no value."""
    given = {name: value for name, value in raw.items() if value is not None}
    required = {field.name for field in fields(Spec) if field.default is MISSING}
    missing = required - given.keys()
    if missing:
        raise ValueError(f"missing {', '.join(sorted(missing))}")
    values: dict[str, Any] = {
        field.name: given[field.name] for field in fields(Spec) if field.name in given
    }
    for name in PATHS & values.keys():
        values[name] = Path(values[name])
    if "target_modules" in values and not isinstance(values["target_modules"], str):
        values["target_modules"] = tuple(values["target_modules"])
    values["sources"] = tuple(_source(each) for each in values.get("sources", ()))
    spec = Spec(**values)
    _check(spec)
    return spec


def _source(raw: dict[str, Any]) -> Source:
    unknown = raw.keys() - {"path", "rate"}
    if unknown:
        raise ValueError(f"sources has an unknown {', '.join(sorted(unknown))}")
    rate = 1.0 if raw.get("rate") is None else float(raw["rate"])
    if not rate > 0:
        raise ValueError(f"sources has a rate of {rate}, not above 0")
    return Source(Path(raw["path"]), rate)


def _check(spec: Spec) -> None:
    for name in COUNTS:
        value = getattr(spec, name)
        if value is not None and (type(value) is not int or value < 1):
            raise ValueError(f"{name} is {value!r}, not an integer of at least 1")
    for name, known in (("method", METHODS), ("scale", SCALES), ("lr_scheduler", SCHEDULERS)):
        if getattr(spec, name) not in known:
            raise ValueError(f"{name} is {getattr(spec, name)!r}, not one of {', '.join(known)}")
    if spec.kind() not in LEARNS_FROM[spec.method]:
        kinds = " or ".join(LEARNS_FROM[spec.method])
        raise ValueError(f"data_kind is {spec.data_kind!r}, but {spec.method} learns from {kinds}")
    if not spec.training_sources():
        raise ValueError("missing training_file or sources")
    if spec.method == RLHF and not (spec.grader or spec.reward_model_path):
        raise ValueError("missing grader or reward_model_path: rlhf needs a reward")
    if spec.early_stop_patience and not spec.validation_file:
        raise ValueError("early_stop_patience needs a validation_file")
