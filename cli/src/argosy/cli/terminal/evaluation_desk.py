"""Evaluations of a job's models through the public API: asked for, waited for, as a table.

Knows the API. Does not know how answers are measured.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import openai
from argosy.cli.errors import FleetError
from argosy.cli.terminal.tuning_desk import told
from rich.console import Console
from rich.table import Table

_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.5
# What a table shows besides the headline, where it was measured.
_SHOWN: Final = ("accuracy", "f1_macro", "bleu_4", "rouge_l", "edit_distance", "embedding_distance")

Json = dict[str, Any]


class EvaluationDesk:
    """What a person does with evaluations in the terminal."""

    def __init__(self, base_url: str, api_key: str, console: Console) -> None:
        self._client = openai.OpenAI(base_url=base_url, api_key=api_key, timeout=_SECONDS)
        self._console = console

    def evaluate(self, job_id: str, data: str, models: Sequence[str]) -> None:
        """Ask a job's models what `data` (a file here, or an id) holds; print how they did."""
        with told():
            if Path(data).is_file():
                with Path(data).open("rb") as content:
                    data = self._client.files.create(file=content, purpose="fine-tune").id
            found = self._client.post(
                f"/fine_tuning/jobs/{job_id}/evaluations",
                cast_to=dict[str, Any],
                body={"data": data, "models": list(models)},
            )
        with self._console.status("asking the models") as status:
            while found["status"] in ("queued", "running"):
                time.sleep(_POLL_SECONDS)
                with told():
                    found = self._client.get(
                        f"/fine_tuning/evaluations/{found['id']}", cast_to=dict[str, Any]
                    )
                done = found["answers"]
                status.update(f"{done['completed'] + done['failed']} of {done['total']} answers")
        if found["error"] is not None:
            raise FleetError(f"{found['id']} {found['status']}: {found['error']['message']}")
        self._console.print(_table(found))
        self._console.print(
            f"{found['id']}: a task that is {found['task_type']}, judged by "
            f"{found['headline'].replace('_', ' ')}. In the report: argosy tune report {job_id}"
        )


def _table(evaluation: Json) -> Table:
    headline = evaluation["headline"]
    names = dict.fromkeys((headline, *_SHOWN))
    measured = [n for n in names if any(n in entry["metrics"] for entry in evaluation["models"])]
    table = Table(show_edge=False, pad_edge=False, box=None)
    for name in ("model", "records", *(name.replace("_", " ") for name in measured), "surely in"):
        table.add_column(name, overflow="fold")
    for entry in evaluation["models"]:
        figures = entry["metrics"]
        best = figures.get(headline)
        table.add_row(
            entry["role"] + (f" {entry['step']}" if entry["step"] else ""),
            str(entry["answered"]),
            *(f"{figures[n]['value']:.3g}" if n in figures else "–" for n in measured),
            "–" if best is None else f"{best['low']:.3g} – {best['high']:.3g}",
        )
    return table
