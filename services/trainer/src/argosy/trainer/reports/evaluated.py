"""What evaluations add to a report: findings beside those of the curves, and figures as curves.

A figure stands at the step of the model that it is of; step 0 is what training started from. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from argosy.trainer.domain.diagnosis.findings import Evidence, Finding, Severity, Verdict
from argosy.trainer.domain.diagnosis.series import Series
from argosy.trainer.domain.evaluation.comparison import Comparison, Delta, Outcome
from argosy.trainer.domain.evaluation.evaluation import BASE, FORGETTING, RESULT, Evaluation
from argosy.trainer.domain.evaluation.followups import (
    GENERAL_CORPUS,
    GENERAL_EVALUATION,
    general_ratio,
)
from argosy.trainer.domain.evaluation.forgetting import HEADLINE, forgetting, gain
from argosy.trainer.domain.job import Job

Json = Mapping[str, Any]

# What the curves of each kind of evaluation begin with.
_GENERAL: Final = "general"
_TASK: Final = "evaluation"


def findings(job: Job, evaluations: Sequence[Evaluation], drift: Json | None) -> list[Finding]:
    """Return what the newest evaluation of each kind says, and how requests have moved.

    What was trained on says nothing of what was learnt: only held-out records count.
    """
    held_out = [each for each in evaluations if each.source != job.training_file]
    found = [
        next(filter(None, (_finding(job, each, general=general) for each in newest)), None)
        for general, newest in (
            (True, [each for each in reversed(held_out) if each.purpose == FORGETTING]),
            (False, [each for each in reversed(held_out) if each.purpose != FORGETTING]),
        )
    ]
    moved = None if drift is None else _moved(drift)
    return [finding for finding in (*found, moved) if finding is not None]


def curves(evaluations: Sequence[Evaluation]) -> dict[str, Series]:
    """Return the headline figures by step; a newer evaluation's stand before an older one's."""
    points: dict[str, dict[int, float]] = {}
    for evaluation in evaluations:
        result = evaluation.result or {}
        kind = _GENERAL if evaluation.purpose == FORGETTING else _TASK
        headline = result.get("headline", "")
        for entry in result.get("models", ()):
            figure = entry["metrics"].get(headline)
            if figure is not None and (entry["role"] == BASE or entry["step"]):
                curve = points.setdefault(f"{kind}_{headline}", {})
                curve[entry["step"] or 0] = figure["value"]
    return {name: Series.of(sorted(curve.items())) for name, curve in points.items()}


def scores(
    training_file: str, evaluations: Sequence[Evaluation]
) -> tuple[float | None, float | None]:
    """Return the result's score on what it was trained on and on what was held out, from 0 to 1.

    None where there is none, or where both were not measured by the same metric.
    """
    known: dict[bool, tuple[str, float]] = {}
    for evaluation in evaluations:
        if evaluation.wish.source == GENERAL_EVALUATION:
            continue
        result = evaluation.result or {}
        for entry in result.get("models", ()):
            figure = entry["metrics"].get(result["headline"])
            if figure is not None and entry["role"] == RESULT:
                share = figure["value"] / figure["most"]
                known[evaluation.source == training_file] = result["headline"], share
    if True not in known or False not in known or known[True][0] != known[False][0]:
        return None, None
    return known[True][1], known[False][1]


def shown(evaluations: Sequence[Evaluation]) -> tuple[dict[str, Any], ...]:
    """Return the evaluations as a report shows them."""
    return tuple(
        {
            "id": evaluation.id,
            "purpose": evaluation.purpose,
            "data": evaluation.source,
            **(evaluation.result or {}),
        }
        for evaluation in evaluations
    )


def _finding(job: Job, evaluation: Evaluation, *, general: bool) -> Finding | None:
    """Return what base and result say of each other; None if not both were evaluated."""
    result = evaluation.result or {}
    by_role = {entry["role"]: entry for entry in result.get("models", ())}
    if BASE not in by_role or RESULT not in by_role:
        return None
    before, after = by_role[BASE], by_role[RESULT]
    told = next((c for c in result["comparisons"] if c["model"] == after["model"]), None)
    metric = HEADLINE if general else result["headline"]
    if told is None or metric not in told["deltas"]:
        return None
    values = before["metrics"][metric]["value"], after["metrics"][metric]["value"]
    comparison = _comparison(told)
    if general:
        return forgetting(*values, comparison, corpus=GENERAL_CORPUS, ratio=general_ratio(job))
    return gain(metric, *values, comparison)


def _comparison(told: Json) -> Comparison:
    return Comparison(
        {
            name: Delta(each["value"], (each["low"], each["high"]), Outcome(each["outcome"]))
            for name, each in told["deltas"].items()
        },
        told["records"],
        told["wins"],
        told["ties"],
        told["losses"],
        tuple(told["lost"]),
    )


def _moved(drift: Json) -> Finding | None:
    if drift["suggestion"] is None:
        return None
    first = drift["findings"][0]
    return Finding(
        Verdict.DRIFTED,
        Severity.ADVICE,
        first["summary"],
        first["advice"],
        Evidence(numbers=first["evidence"]["numbers"]),
    )
