"""The result file of a run: one line a step, OpenAI's columns first.

Knows the form of the file. Does not know where it goes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from argosy.trainer.domain.job import MetricsRow

FILE_NAME: Final = "step_metrics.csv"
COLUMNS: Final = (
    "step",
    "train_loss",
    "train_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
    "learning_rate",
    "tokens",
    "tokens_per_second",
)


def to_csv(rows: Iterable[MetricsRow]) -> bytes:
    """Return the file's bytes; a value that is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            (
                row.step,
                _number(row.train_loss),
                _number(row.train_mean_token_accuracy),
                _number(row.valid_loss),
                _number(row.valid_mean_token_accuracy),
                _number(row.learning_rate),
                row.tokens,
                _number(row.tokens_per_second),
            )
        )
    return text.getvalue().encode()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
