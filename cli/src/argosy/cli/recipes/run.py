"""Takes a recipe to an evaluated result: prepare, generate, choose, tune, evaluate.

Each step leaves something that stays: files, a published data set, a job, a model, and the result
itself as a file of the project.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from argosy.cli.recipes import data, screen, tuning
from argosy.cli.recipes.exam import Paper, sit
from argosy.cli.recipes.shelf import Shelved
from argosy.cli.terminal.durations import duration
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

STEPS: Final = ("prepare", "generate", "choose", "tune", "evaluate")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user chooses. None means what the recipe says.

    `against` are further models that sit the same exam, `price_per_hour` is what the machine costs
    and `prices` what those of single models cost, by model.
    """

    model: str
    training: int | None = None
    exam: int | None = None
    seed: int | None = None
    teacher: str = ""
    against: tuple[str, ...] = ()
    price_per_hour: float = 0.0
    prices: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Result:
    """What came of a run; `artefacts` by step."""

    recipe: str
    artefacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    papers: list[Paper] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the result as it is stored."""
        return {
            "recipe": self.recipe,
            "artefacts": self.artefacts,
            "models": [
                {
                    "model": paper.model,
                    "scores": paper.scores,
                    "tokens_per_call": paper.tokens_per_call(),
                    "seconds_per_thousand_calls": paper.seconds_per_thousand_calls(),
                    "cost_per_thousand_calls": paper.cost_per_thousand_calls(),
                    "answers": paper.answers,
                }
                for paper in self.papers
            ],
        }

    def choice(self, base: Paper) -> dict[str, Any]:
        """Return how the base did before anything was tuned, as it is stored."""
        return {"recipe": self.recipe, "model": base.model, "scores": base.scores,
                "answers": base.answers}  # fmt: skip


class Run:
    """One run of one recipe on one fleet."""

    def __init__(self, client: OpenAI, console: Console, shelved: Shelved, wishes: Wishes) -> None:
        self._client = client
        self._console = console
        self._shelved = shelved
        self._recipe = shelved.recipe
        self._wishes = wishes
        self._step_began = 0.0
        self.result = Result(self._recipe.name)

    def __call__(self) -> Result:
        """Run it from first to last. Raises RunFailed, TooFew and what the SDK raises."""
        recipe, wishes = self._recipe, self._wishes
        seed = recipe.seed if wishes.seed is None else wishes.seed
        made = self._shelved.data(
            wishes.training or recipe.training, wishes.exam or recipe.exam, seed
        )
        training, exam = self._prepare(made)
        version = self._generate(training)
        base = self._choose(made.exam)
        job = self._tune(version, seed)
        self._rule("evaluate")
        tuned = self._sit(str(job.fine_tuned_model), made.exam)
        others = [self._sit(model, made.exam) for model in self._others()]
        self.result.papers = [base, tuned, *others]
        self._evaluate(exam, made.exam)
        return self.result

    def _prepare(self, made: data.Data) -> tuple[str, str]:
        self._rule("prepare")
        name = self._recipe.name
        training = tuning.upload(
            self._client, f"{name}.jsonl", data.jsonl(made.training), "fine-tune"
        )
        rows = data.jsonl(data.exam_rows(made.exam))
        exam = tuning.upload(self._client, f"{name}-exam.jsonl", rows, "evals")
        self._leaves("prepare", training_file=training, exam_file=exam)
        return training, exam

    def _generate(self, training: str) -> str:
        self._rule("generate")
        title = self._recipe.title["en"]
        version, records = tuning.publish(self._client, self._recipe.name, training, title)
        self._leaves("generate", dataset_version=version, records=records)
        return version

    def _choose(self, exam: list[data.Question]) -> Paper:
        self._rule("choose")
        extension = self._recipe.extension()
        base = self._sit(self._wishes.model, exam)
        self._leaves(
            "choose",
            model=self._wishes.model,
            choice_file=self._store("choice", self.result.choice(base)),
            **self._recipe.hyperparameters(),
            **extension,
        )
        return base

    def _tune(self, version: str, seed: int) -> FineTuningJob:
        self._rule("tune")
        job = tuning.create(
            self._client,
            self._recipe,
            model=self._wishes.model,
            source=version,
            seed=seed,
            teacher=self._wishes.teacher,
        )
        with self._progress() as progress:
            bar = progress.add_task(job.status, total=None, left="")

            def show(now: FineTuningJob) -> None:
                told = (now.model_extra or {}).get("argosy", {})
                progress.update(
                    bar,
                    description=now.status,
                    total=told.get("total_steps"),
                    completed=told.get("completed_steps", 0),
                    left=_left(now),
                )

            job = tuning.follow(self._client, job, show)
        self._leaves(
            "tune", job=job.id, model=job.fine_tuned_model, trained_tokens=job.trained_tokens
        )
        return job

    def _evaluate(self, exam: str, questions: list[data.Question]) -> None:
        papers = self.result.papers
        screen.show_papers(self._console, self._recipe, papers)
        screen.show_answers(self._console, questions, papers)
        stored = self._store("result", self.result.as_json())
        self._leaves("evaluate", exam_file=exam, result_file=stored)

    def _store(self, what: str, told: dict[str, Any]) -> str:
        content = json.dumps(told, ensure_ascii=False).encode()
        name = f"{self._recipe.name}-{what}.json"
        return tuning.upload(self._client, name, content, "user_data")

    def _others(self) -> list[str]:
        teacher = [self._wishes.teacher] if self._recipe.teacher else []
        return [*teacher, *self._wishes.against]

    def _sit(self, model: str, exam: list[data.Question]) -> Paper:
        with self._progress() as progress:
            bar = progress.add_task(f"exam of {model}", total=len(exam), left="")
            return sit(
                self._client,
                model,
                self._recipe,
                exam,
                lambda: progress.advance(bar),
                price_per_hour=self._wishes.prices.get(model, self._wishes.price_per_hour),
            )

    def _rule(self, step: str) -> None:
        self._console.rule(f"{STEPS.index(step) + 1}  {step}")
        self._step_began = time.monotonic()

    def _leaves(self, step: str, **artefacts: Any) -> None:
        self.result.artefacts[step] = artefacts
        for name, value in artefacts.items():
            self._console.print(f"[dim]{name}[/dim] {value}")
        self._console.print(f"[dim]took[/dim] {duration(time.monotonic() - self._step_began)}")

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        with Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=True,
        ) as progress:
            yield progress


def _left(job: FineTuningJob) -> str:
    """Return how long the job will still take, as far as its trainer knows."""
    if job.estimated_finish is None:
        return ""
    return f"{duration(max(0.0, job.estimated_finish - time.time()))} left"
