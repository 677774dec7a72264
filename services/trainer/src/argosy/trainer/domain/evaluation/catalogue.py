"""The metrics by name: what each counts, on which scale, which way is better, its older name.

A table that the API, the documents and the scores are drawn from. Knows no formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Of = Literal["texts", "labels", "vectors", "judge"]


@dataclass(frozen=True, slots=True)
class Metric:
    """`most` is the end of the scale that begins at 0. `older` is the name that the platform before
    gave it; empty if it had none."""

    name: str
    title: str
    of: Of
    most: float = 100.0
    higher_is_better: bool = True
    older: str = ""


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "Share of right answers: right label, or the same words", "texts",
               older="accuracy"),
        Metric("exact_match", "Share of answers with the reference's very words", "texts"),
        Metric("f1", "F1 over words that answer and reference share", "texts", older="f1Score"),
        Metric("key_recall", "Share of the reference's words, not said in the question, that the "
               "answer has", "texts"),
        Metric("bleu_4", "BLEU-4 over all records", "texts", older="bleu4"),
        Metric("rouge_1", "ROUGE-1, F1", "texts", older="rouge_1"),
        Metric("rouge_2", "ROUGE-2, F1", "texts", older="rouge_2"),
        Metric("rouge_l", "ROUGE-L, F1", "texts", older="rouge_l"),
        Metric("edit_distance", "Share of characters to change", "texts", 1.0, False),
        Metric("embedding_distance", "1 − cosine of the texts' vectors", "vectors", 1.0, False),
        Metric("f1_macro", "Mean F1 of the labels", "labels"),
        Metric("f1_micro", "F1 over all labelled answers", "labels"),
        Metric("precision_macro", "Mean precision of the labels", "labels"),
        Metric("recall_macro", "Mean recall of the labels", "labels"),
        Metric("judge", "Mean score of the judge", "judge", 5.0, older="avgJudgeScore"),
        Metric("grader", "Mean reward of the grader", "judge", 1.0),
    )
}  # fmt: skip

# What the platform before called the parts of an opinion.
JUDGE_NAMES: Final = {
    "average": "avgJudgeScore",
    "spread": "stdJudgeScore",
    "median": "medianJudgeScore",
    "distribution": "scoreDistribution",
}
MANUAL_NAMES: Final = {
    "average": "manualAvgScore",
    "good": "goodCaseProportion",
    "impression": "subjectiveImpression",
    "distribution": "manualScoreDistribution",
}
