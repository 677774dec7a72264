"""Answers against cases: each answer's scores, and a model's over all of them.

Knows which metric is taken of what. Does not know who answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Final

from argosy.trainer.domain.evaluation import bleu, distances, exact, labels, rouge
from argosy.trainer.domain.evaluation.cases import Case
from argosy.trainer.domain.evaluation.catalogue import METRICS
from argosy.trainer.domain.evaluation.intervals import Interval, interval
from argosy.trainer.domain.evaluation.labels import Verbalizer
from argosy.trainer.domain.evaluation.words import words


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer. `scores` are by metric; `counts` and `pair` are what metrics over all records
    are made of: BLEU's counts, and the label said with the one wanted."""

    line: int
    scores: Mapping[str, float]
    counts: bleu.Counts | None = None
    pair: tuple[str | None, str] | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A model's value of a metric with its 95 % interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class ModelScore:
    """All that is known of one model. `unlabelled` answers had no words of any label."""

    figures: Mapping[str, Figure]
    labels: tuple[labels.LabelScore, ...] = ()
    unlabelled: int = 0
    worst: tuple[int, ...] = field(default=())


def score(
    case: Case, answer: str, verbalizer: Verbalizer | None, given: Mapping[str, float]
) -> Scored:
    """Return an answer's scores; `given` are those that were asked of others (judge, vectors)."""
    scores = dict(given)
    counts = pair = None
    if case.reference is not None:
        said, wanted = words(answer), words(case.reference)
        counts = bleu.counts(said, wanted)
        match = exact.exact_match(answer, case.reference)
        scores |= {
            "accuracy": match,
            "exact_match": match,
            "f1": exact.word_f1(answer, case.reference),
            "key_recall": _key_recall(case, said, wanted),
            "bleu_4": bleu.bleu([counts]),
            "rouge_1": rouge.rouge_n(1, said, wanted),
            "rouge_2": rouge.rouge_n(2, said, wanted),
            "rouge_l": rouge.rouge_l(said, wanted),
            "edit_distance": distances.edit_distance(answer, case.reference),
        }
    if verbalizer is not None and (label := _wanted(case, verbalizer)) is not None:
        pair = verbalizer(answer), label
        scores["accuracy"] = 100.0 if pair[0] == label else 0.0
    return Scored(case.line, scores, counts, pair)


def model_score(
    rows: Sequence[Scored], headline: str, samples: Sequence[Sequence[int]], worst: int
) -> ModelScore:
    """Return a model's figures. `samples` are draws of the rows' places; `worst` lines are named
    by the headline metric."""
    figures = {
        name: Figure(value(rows), interval(rows, value, samples))
        for name, value in values_of(rows).items()
    }
    pairs = [row.pair for row in rows if row.pair is not None]
    judged = (row for row in rows if headline in row.scores and not _perfect(headline, row))
    ranked = sorted(judged, key=partial(_goodness, headline))
    return ModelScore(
        figures,
        tuple(labels.label_scores(pairs)),
        sum(said is None for said, _ in pairs),
        tuple(row.line for row in ranked[:worst]),
    )


def _perfect(headline: str, row: Scored) -> bool:
    metric = METRICS[headline]
    return row.scores[headline] == (metric.most if metric.higher_is_better else 0)


def _goodness(headline: str, row: Scored) -> float:
    value = row.scores[headline]
    return value if METRICS[headline].higher_is_better else -value


Value = Callable[[Sequence[Scored]], float]


def values_of(rows: Sequence[Scored]) -> dict[str, Value]:
    """Return how each metric that the rows have is taken over any of them."""
    found: dict[str, Value] = {}
    if any(row.counts is not None for row in rows):
        found["bleu_4"] = _bleu
    for name in dict.fromkeys(name for row in rows for name in row.scores):
        found.setdefault(name, partial(_mean, name))
    if any(row.pair is not None for row in rows):
        found |= _OF_LABELS
    return found


def _wanted(case: Case, verbalizer: Verbalizer) -> str | None:
    if case.label is not None:
        return verbalizer(case.label) or case.label
    return None if case.reference is None else verbalizer(case.reference)


def _key_recall(case: Case, said: Sequence[str], wanted: Sequence[str]) -> float:
    """What the question says already is no knowledge; without it style counts less, too."""
    keys = set(wanted) - set(words(case.question)) or set(wanted)
    return 100 * len(keys & set(said)) / len(keys) if keys else 100.0


def _mean(name: str, rows: Sequence[Scored]) -> float:
    known = [row.scores[name] for row in rows if name in row.scores]
    return fmean(known) if known else 0.0


def _bleu(rows: Sequence[Scored]) -> float:
    return bleu.bleu(row.counts for row in rows if row.counts is not None)


def _pairs(rows: Sequence[Scored]) -> list[tuple[str | None, str]]:
    return [row.pair for row in rows if row.pair is not None]


_OF_LABELS: Final[Mapping[str, Value]] = {
    "f1_macro": lambda rows: labels.macro(_pairs(rows), "f1"),
    "f1_micro": lambda rows: labels.micro_f1(_pairs(rows)),
    "precision_macro": lambda rows: labels.macro(_pairs(rows), "precision"),
    "recall_macro": lambda rows: labels.macro(_pairs(rows), "accuracy"),
}
