"""Who else may call a project's tuned model. Knows the permission; not what calling means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from argosy.registry.domain.rules import RuleBroken

MOST_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class CheckpointPermission:
    """A project may call the model."""

    id: str
    model_id: str
    project_id: str
    created_at: datetime


def check_projects(project_ids: Sequence[str], owner: str) -> list[str]:
    """Return the projects that a model is to be shared with, each once; raises RuleBroken."""
    named = list(dict.fromkeys(project_ids))
    if not 1 <= len(named) <= MOST_AT_ONCE:
        raise RuleBroken(
            f"project_ids names {len(named)} projects: name 1 to {MOST_AT_ONCE}.",
            param="project_ids",
        )
    if owner in named:
        raise RuleBroken(
            f"The project {owner} owns the model and needs no permission. Leave it out.",
            param="project_ids",
        )
    return named
