"""Which evaluations a job calls for by itself when it has succeeded.

One that went on from a tuned model is compared with it. One that had preset corpora mixed in is
looked at for what it forgot, by general questions that no training set holds. Knows jobs.
"""

from __future__ import annotations

from typing import Final

from argosy.api import ids
from argosy.trainer.domain.evaluation.evaluation import (
    AGAINST_PARENT,
    BASE,
    FORGETTING,
    RESULT,
    EvaluatedModel,
    Wish,
)
from argosy.trainer.domain.job import Job

_PRESET: Final = f"{ids.DATASET_VERSION}preset_"
# What is mixed in so that general ability stays, and what tells whether it did.
GENERAL: Final = f"{_PRESET}general"
GENERAL_CORPUS: Final = f"{ids.DATASET}preset_general"
GENERAL_EVALUATION: Final = f"{ids.DATASET}preset_general_eval"


def due(job: Job) -> list[tuple[str, Wish]]:
    """Return the purpose and the wish of each."""
    wanted = []
    if job.model != job.base and job.asked.method not in _WITHOUT_ANSWERS:
        wanted.append((AGAINST_PARENT, Wish(job.validation_file or GENERAL_EVALUATION)))
    if any(source.source.startswith(_PRESET) for source in job.asked.data):
        wanted.append((FORGETTING, Wish(GENERAL_EVALUATION)))
    return wanted


# A reward model scores texts and writes none.
_WITHOUT_ANSWERS: Final = ("reward",)


def pair(job: Job) -> tuple[EvaluatedModel, ...]:
    """Return what training started from, and its result."""
    steps = job.final_step or job.completed_steps
    return EvaluatedModel(job.model, BASE), EvaluatedModel(job.tuned_model, RESULT, steps)


def general_ratio(job: Job) -> float:
    """Return how many general records the job had for each of its task's; 0 for none."""
    sources = job.plan.sources if job.plan else job.asked.data
    return next(
        (
            source.ratio if source.ratio is not None else (source.rate or 1.0)
            for source in sources
            if source.source.startswith(GENERAL)
        ),
        0.0,
    )
