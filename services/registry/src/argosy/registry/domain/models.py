"""Models: kinds, names and lineage.

Knows how a model is named and what it descends from. Does not know an adapter's files (intake)
or which replica serves it (the gateway).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from argosy.registry.domain.artifacts import Artifact
from argosy.registry.domain.rules import RuleBroken

MAX_MODEL_ID_CHARACTERS: Final = 256

# `ft:<base>:<organization>:<suffix or empty>:<8 characters>[:ckpt-step-<n>]`, as OpenAI writes it.
_TUNED: Final = re.compile(
    r"ft:(?P<base>[A-Za-z0-9][A-Za-z0-9._/-]{0,95})"
    r":(?P<organization>[a-z0-9][a-z0-9-]{0,63})"
    r":(?P<suffix>[A-Za-z0-9_-]{0,64})"
    r":(?P<unique>[A-Za-z0-9]{8})"
    r"(?::ckpt-step-(?P<step>[1-9][0-9]{0,8}))?"
)


class ModelKind(StrEnum):
    """What a model is; only tuned models and checkpoints belong to a project."""

    BASE = "base"
    EMBEDDING = "embedding"
    TUNED = "tuned"
    CHECKPOINT = "checkpoint"


ADAPTER_KINDS: Final = frozenset({ModelKind.TUNED, ModelKind.CHECKPOINT})


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A base or embedding model that the catalogue file names."""

    id: str
    kind: ModelKind
    owned_by: str
    context_length: int
    trainable: bool
    pool: str
    weights_path: str
    created_at: datetime
    # The class name in its config.json; empty where that cannot be read here.
    architecture: str = ""
    # How its weights are packed, as their maker calls it; empty for plain numbers.
    quantization: str = ""
    # What it reads beside text.
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adapter:
    """An artefact's record: a tuned model or one of its checkpoints, with its lineage.

    `folder` names its files in the blob store, `bytes` is their size together. `rank` and
    `virtual_tokens` are 0 where the artefact has none. `parent` is the version that training
    started from, `runs_on` the whole model whose weights it needs; both are empty where that is
    the base. `measured` are the figures that its job found, by name. Which pool serves it is not
    kept: that follows from the base.
    """

    id: str
    kind: ModelKind
    project_id: str
    owned_by: str
    base: str
    job_id: str
    step: int
    rank: int
    folder: str
    sha256: str
    created_at: datetime
    artifact: Artifact = Artifact.LORA
    virtual_tokens: int = 0
    bytes: int = 0
    parent: str = ""
    runs_on: str = ""
    # What its newest evaluation says, as JSON; empty if there is none.
    evaluation: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether the folder holds all weights, so that nothing of the base is needed to run it."""
        return self.artifact in (Artifact.FULL, Artifact.COMPRESSED) or (
            self.artifact is Artifact.REWARD and self.rank == 0
        )


@dataclass(frozen=True, slots=True)
class ServedAdapter:
    """An artefact with what it takes from its base, which is None if the catalogue lacks it.

    `pool` serves it; empty if none can. `weights_folder` names the folder of the whole model that
    it runs on, if not on its base. The projects of `shared_with` may call it too.
    """

    adapter: Adapter
    base: CatalogModel | None
    pool: str = ""
    weights_folder: str = ""
    deleted: bool = False
    shared_with: tuple[str, ...] = ()

    def callable_by(self, project_id: str) -> bool:
        """Tell whether the project may call it: its own does, and those it is shared with."""
        return project_id == self.adapter.project_id or project_id in self.shared_with

    @property
    def servable(self) -> bool:
        """It answers only while its base is in the catalogue and a pool can serve it."""
        return bool(self.pool) and not self.deleted


@dataclass(frozen=True, slots=True)
class TunedName:
    """The parts of a tuned model's or a checkpoint's id."""

    base: str
    organization: str
    suffix: str
    unique: str
    step: int | None


def parse_tuned_name(model_id: str) -> TunedName:
    """Return the parts of `model_id`; raises RuleBroken if it is not a tuned model's name."""
    match = _TUNED.fullmatch(model_id)
    if match is None or len(model_id) > MAX_MODEL_ID_CHARACTERS:
        raise RuleBroken(
            "model.id must be ft:<base>:<organization>:<suffix>:<8 letters or digits>, for a "
            f"checkpoint with :ckpt-step-<n>, in at most {MAX_MODEL_ID_CHARACTERS} characters.",
            param="model.id",
        )
    step = match["step"]
    return TunedName(
        match["base"],
        match["organization"],
        match["suffix"],
        match["unique"],
        None if step is None else int(step),
    )


def check_lineage(
    model_id: str, kind: ModelKind, *, base: str, organization: str, step: int, job_id: str
) -> None:
    """Hold an adapter's id to its lineage; raises RuleBroken where they differ."""
    name = parse_tuned_name(model_id)
    if kind not in ADAPTER_KINDS:
        raise RuleBroken("Only tuned models and checkpoints are published.", param="model.kind")
    if (name.step is None) != (kind is ModelKind.TUNED):
        raise RuleBroken(
            "A checkpoint's id ends in :ckpt-step-<n> and a tuned model's does not.",
            param="model.kind",
        )
    if name.base != base:
        raise RuleBroken("model.base differs from the base in model.id.", param="model.base")
    if name.organization != organization:
        raise RuleBroken(
            "The organization in model.id is not the one of the project.", param="model.id"
        )
    if name.step is not None and name.step != step:
        raise RuleBroken("model.step differs from the step in model.id.", param="model.step")
    if not job_id:
        raise RuleBroken("model.job_id is missing: every adapter has a job.", param="model.job_id")
