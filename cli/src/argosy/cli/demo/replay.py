"""The demonstration: a model that does not understand a request is tuned live until it does.

Everything goes through the stock OpenAI SDK, as any user's program would: nothing here knows what
is behind the base URL.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from argosy.cli.demo.charts import SHOWN_REQUESTS, Task, make_task
from argosy.cli.demo.exam import Score, ask, examine
from argosy.cli.demo.plan import PLAN, Plan
from argosy.cli.demo.screen import Losses, show_answer, show_curve, show_summary
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

TUNED_AT_LEAST: Final = 0.95
BASE_AT_MOST: Final = 0.10

_POLL_SECONDS: Final = 0.5
_TERMINAL: Final = {"succeeded", "failed", "cancelled"}


@dataclass
class Stopwatch:
    """Wall seconds of each stage, in order."""

    laps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.laps[name] = time.monotonic() - start


class Demonstration:
    """One run of it on a fleet. `price_per_hour` is what the owner pays for the machine."""

    def __init__(
        self,
        client: OpenAI,
        console: Console,
        *,
        model: str,
        seed: int,
        price_per_hour: float,
        plan: Plan = PLAN,
    ) -> None:
        self._client = client
        self._console = console
        self._model = model
        self._seed = seed
        self._price = price_per_hour
        self._plan = plan
        self._watch = Stopwatch()
        self._losses = Losses()

    def run(self) -> bool:
        """Play it from first to last; tell whether the tuned model passed and the base did not."""
        console, task = self._console, make_task(self._seed)
        console.rule("1  The base model does not understand")
        self._show_answers(self._model, "first answers of the base model")
        base = self._examine(self._model, task, "base model's exam")
        console.rule("2  Tune it on a file")
        # The clock of the promise: from upload to the tuned answer.
        start = time.monotonic()
        job = self._tune(task)
        if job is None or job.fine_tuned_model is None:
            return False
        console.rule("3  The tuned model answers by its name")
        self._show_answers(job.fine_tuned_model, "first answers of the tuned model")
        upload_to_answer = time.monotonic() - start
        tuned = self._examine(job.fine_tuned_model, task, "tuned model's exam")
        show_curve(console, self._losses)
        console.rule("What it came to")
        self._summarise(job, base, tuned, upload_to_answer)
        return tuned.rate >= TUNED_AT_LEAST and base.rate <= BASE_AT_MOST

    def _show_answers(self, model: str, lap: str) -> None:
        self._console.print(f"[dim]model[/dim] {model}")
        with self._watch.lap(lap):
            answers = [(r, ask(self._client, model, r)[0]) for r in SHOWN_REQUESTS]
        for request, answer in answers:
            show_answer(self._console, request, answer)

    def _examine(self, model: str, task: Task, lap: str) -> Score:
        with self._watch.lap(lap), self._progress() as progress:
            bar = progress.add_task(
                f"{len(task.held_out)} held-out requests", total=len(task.held_out)
            )
            score = examine(self._client, model, task.held_out, lambda: progress.advance(bar))
        self._console.print(
            f"exact match on held-out requests: [bold]{score.exact} of {len(task.held_out)}[/bold]"
            f" ({score.rate:.0%})"
        )
        return score

    def _tune(self, task: Task) -> FineTuningJob | None:
        with self._watch.lap("upload"):
            content = task.training_jsonl()
            name = f"charts-{self._seed}.jsonl"
            file = self._client.files.create(file=(name, io.BytesIO(content)), purpose="fine-tune")
        self._console.print(f"uploaded {len(task.training)} records as [bold]{file.id}[/bold]")
        with self._watch.lap("tuning"):
            job = self._client.fine_tuning.jobs.create(
                model=self._model,
                training_file=file.id,
                suffix="charts",
                seed=self._seed,
                method={
                    "type": "supervised",
                    "supervised": {
                        "hyperparameters": {
                            "n_epochs": self._plan.n_epochs,
                            "batch_size": self._plan.batch_size,
                        }
                    },
                },
                extra_body={"argosy": self._plan.extension()},
            )
            self._console.print(f"created [bold]{job.id}[/bold]")
            job = self._follow(job)
        if job.status != "succeeded":
            reason = job.error.message if job.error else "no reason given"
            self._console.print(f"[red]The job ended as {job.status}: {reason}[/red]")
            return None
        return job

    def _follow(self, job: FineTuningJob) -> FineTuningJob:
        """Show steps and loss as they come, until the job has ended."""
        seen: set[str] = set()
        with self._progress() as progress:
            bar = progress.add_task("waiting for a slot", total=None)
            while True:
                job = self._client.fine_tuning.jobs.retrieve(job.id)
                events = self._client.fine_tuning.jobs.list_events(job.id, limit=100).data
                for event in reversed(events):
                    if event.id in seen:
                        continue
                    seen.add(event.id)
                    data = event.data
                    if event.type == "metrics" and isinstance(data, dict) and "train_loss" in data:
                        self._losses.add(int(data["step"]), float(data["train_loss"]))
                    elif event.type == "message" and not event.message.startswith("Step "):
                        progress.console.print(f"[dim]{event.message}[/dim]")
                self._advance(progress, bar, job)
                if job.status in _TERMINAL:
                    return job
                time.sleep(_POLL_SECONDS)

    def _advance(self, progress: Progress, bar: TaskID, job: FineTuningJob) -> None:
        total = (job.model_extra or {}).get("argosy", {}).get("total_steps") or None
        if self._losses.steps and total:
            text = f"{job.status}, loss {self._losses.values[-1]:.3f}"
            progress.update(bar, total=total, completed=self._losses.steps[-1], description=text)
        else:
            progress.update(bar, description=job.status)

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )

    def _summarise(
        self, job: FineTuningJob, base: Score, tuned: Score, upload_to_answer: float
    ) -> None:
        laps = self._watch.laps
        tuning = laps["tuning"] / 3600 * self._price
        everything = sum(laps.values()) / 3600 * self._price
        trained = f"{len(self._losses.steps)} steps, {job.trained_tokens} tokens trained"
        results = {
            "base model's exam": f"{base.exact} of {len(base.verdicts)} exact",
            "upload": "training file checked and stored",
            "tuning": trained,
            "first answers of the tuned model": "adapter loaded on first use",
            "tuned model's exam": f"{tuned.exact} of {len(tuned.verdicts)} exact",
        }
        rows = [(name, results.get(name, ""), f"{laps[name]:.1f} s") for name in laps]
        rows.append(
            ("upload → tuned answer", job.fine_tuned_model or "", f"{upload_to_answer:.1f} s")
        )
        cost = f"tuning {tuning:.4f}, everything {everything:.4f}"
        rows.append(("cost of the machine", cost, f"at {self._price:g} an hour"))
        show_summary(self._console, rows)
