"""The result of an evaluation as it is stored and shown, made of all answers.

Knows what is told. Does not know where answers are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from argosy.api import ids
from argosy.trainer.domain.evaluation.cases import Case, TaskType
from argosy.trainer.domain.evaluation.catalogue import JUDGE_NAMES, MANUAL_NAMES, METRICS
from argosy.trainer.domain.evaluation.comparison import Comparison, compare
from argosy.trainer.domain.evaluation.evaluation import BASE, FORGETTING, Answer, Evaluation
from argosy.trainer.domain.evaluation.forgetting import HEADLINE as GENERAL_HEADLINE
from argosy.trainer.domain.evaluation.intervals import draws
from argosy.trainer.domain.evaluation.labels import Verbalizer
from argosy.trainer.domain.evaluation.opinions import Opinion, opinion
from argosy.trainer.domain.evaluation.reading import headline_of, reading
from argosy.trainer.domain.evaluation.scoring import ModelScore, Scored, model_score, score

Json = dict[str, Any]

WORST: Final = 10


def verbalizer_of(evaluation: Evaluation) -> Verbalizer | None:
    return Verbalizer(evaluation.wish.labels) if evaluation.wish.labels else None


def scored_of(
    cases: Mapping[int, Case], answers: Sequence[Answer], verbalizer: Verbalizer | None
) -> list[Scored]:
    """Return the scores of the answers that were given, in order of their lines."""
    return [
        score(cases[answer.line], answer.text, verbalizer, answer.given)
        for answer in sorted(answers, key=lambda each: each.line)
        if answer.text is not None and not answer.error
    ]


def result(
    evaluation: Evaluation, task: TaskType, cases: Mapping[int, Case], answers: Sequence[Answer]
) -> Json:
    """Return what is stored: one entry a model, and each against the first."""
    verbalizer = verbalizer_of(evaluation)
    by_model = [
        [answer for answer in answers if answer.model == place]
        for place in range(len(evaluation.models))
    ]
    rows = [scored_of(cases, each, verbalizer) for each in by_model]
    names = frozenset(name for each in rows for row in each for name in row.scores)
    headline = GENERAL_HEADLINE if evaluation.purpose == FORGETTING else headline_of(task, names)
    entries = [
        _entry(evaluation, place, task, headline, rows[place], by_model[place])
        for place in range(len(evaluation.models))
    ]
    return {
        "task_type": task,
        "headline": headline,
        "models": entries,
        "comparisons": _comparisons(evaluation, headline, rows),
    }


def with_people(told: Mapping[str, Any], evaluation: Evaluation, answers: Sequence[Answer]) -> Json:
    """Return a stored result with what people have said by now; all else stays as it was."""
    entries = [
        {**entry, "manual": _manual(evaluation, [a for a in answers if a.model == place])}
        for place, entry in enumerate(told["models"])
    ]
    return {**told, "models": entries}


def summaries(evaluation: Evaluation, found: Mapping[str, Any]) -> list[tuple[str, Json]]:
    """Return what is shown beside each tuned model wherever models are chosen.

    What a forgetting check measures is not what the model is for.
    """
    if evaluation.purpose == FORGETTING:
        return []
    return [
        (
            entry["model"],
            {
                "id": evaluation.id,
                "data": evaluation.source,
                "task_type": found["task_type"],
                "records": entry["answered"],
                "metrics": {name: each["value"] for name, each in entry["metrics"].items()},
            },
        )
        for entry in found["models"]
        if ids.is_tuned_model_id(entry["model"]) and entry["answered"]
    ]


def _entry(
    evaluation: Evaluation,
    place: int,
    task: TaskType,
    headline: str,
    rows: Sequence[Scored],
    answers: Sequence[Answer],
) -> Json:
    model = evaluation.models[place]
    samples = draws(len(rows), evaluation.wish.seed) if rows else []
    found = model_score(rows, headline, samples, WORST) if rows else ModelScore({})
    asked = [answer for answer in answers if answer.text is not None]
    seconds = [answer.seconds for answer in asked if answer.seconds is not None]
    return {
        "model": model.model,
        "role": model.role,
        "step": model.step or None,
        "answered": len(rows),
        "failed": len(answers) - len(rows),
        "metrics": {
            name: {
                "value": figure.value,
                "low": figure.interval[0],
                "high": figure.interval[1],
                "most": _most(evaluation, name),
                "higher_is_better": METRICS[name].higher_is_better,
                "reading": reading(task, model.role, name, figure.value),
            }
            for name, figure in found.figures.items()
        },
        "labels": [
            {
                "label": each.label,
                "records": each.records,
                "accuracy": each.accuracy,
                "precision": each.precision,
                "f1": each.f1,
            }
            for each in found.labels
        ],
        "unlabelled": found.unlabelled,
        "worst": list(found.worst),
        "judge": _judged(evaluation, answers),
        "manual": _manual(evaluation, answers),
        "prompt_tokens": sum(answer.prompt_tokens for answer in answers),
        "completion_tokens": sum(answer.completion_tokens for answer in answers),
        "mean_seconds": fmean(seconds) if seconds else None,
    }


def _most(evaluation: Evaluation, name: str) -> float:
    judge = evaluation.wish.judge
    return judge.span[1] if name == "judge" and judge else METRICS[name].most


def _judged(evaluation: Evaluation, answers: Sequence[Answer]) -> Json | None:
    judge = evaluation.wish.judge
    if judge is None:
        return None
    scores = [answer.given["judge"] for answer in answers if "judge" in answer.given]
    told = opinion(scores, judge.span)
    return None if told is None else {"metric": judge.metric, **_named(told, JUDGE_NAMES)}


def _manual(evaluation: Evaluation, answers: Sequence[Answer]) -> Json | None:
    """Return what people said by dimension; the first dimension's share of best ones leads."""
    manual = evaluation.wish.manual
    if manual is None:
        return None
    told: Json = {}
    for dimension in manual.dimensions:
        scores = [float(a.manual[dimension]) for a in answers if dimension in a.manual]
        if (found := opinion(scores, manual.span)) is not None:
            told[dimension] = _named(found, MANUAL_NAMES)
    averages = [each[MANUAL_NAMES["average"]] for each in told.values()]
    if averages:
        # Over all dimensions: the impression as a whole.
        told[MANUAL_NAMES["impression"]] = fmean(averages)
    return told


def _named(found: Opinion, names: Mapping[str, str]) -> Json:
    return {"records": found.records} | {
        older: getattr(found, ours) for ours, older in names.items() if hasattr(found, ours)
    }


def _comparisons(
    evaluation: Evaluation, headline: str, rows: Sequence[Sequence[Scored]]
) -> list[Json]:
    """Compare each model with the base; without one, with the first."""
    roles = [model.role for model in evaluation.models]
    first = roles.index(BASE) if BASE in roles else 0
    told = []
    for place, model in enumerate(evaluation.models):
        if place == first:
            continue
        found = compare(rows[place], rows[first], headline, evaluation.wish.seed)
        if found is not None:
            against = evaluation.models[first].model
            told.append({"model": model.model, "against": against, **_comparison(found)})
    return told


def _comparison(found: Comparison) -> Json:
    return {
        "records": found.records,
        "wins": found.wins,
        "ties": found.ties,
        "losses": found.losses,
        "lost": list(found.lost),
        "deltas": {
            name: {
                "value": delta.value,
                "low": delta.interval[0],
                "high": delta.interval[1],
                "outcome": delta.outcome.value,
            }
            for name, delta in found.deltas.items()
        },
    }
