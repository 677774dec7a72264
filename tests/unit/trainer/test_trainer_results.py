"""The result file: OpenAI's columns, one line a step."""

from __future__ import annotations

from argosy.trainer.domain.job import MetricsRow
from argosy.trainer.domain.results import to_csv


def test_unknown_values_are_empty() -> None:
    rows = [
        MetricsRow(1, 2.125, 0.5, 0.001, 744, 170.0, None, None),
        MetricsRow(2, None, 0.75, 0.0005, 12, None, 1.9, 0.6),
    ]
    assert to_csv(rows).decode() == (
        "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy,"
        "learning_rate,tokens,tokens_per_second\n"
        "1,2.125,0.5,,,0.001,744,170\n"
        "2,,0.75,1.9,0.6,0.0005,12,\n"
    )
