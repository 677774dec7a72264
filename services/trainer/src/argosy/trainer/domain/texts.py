"""The events of a job in words: OpenAI's where it has them.

Each has a key. A job holds at most one event a key, so that work which is done again after a
crash is told once. Knows words. Does not know where events are stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from argosy.trainer.domain.worker_lines import Dropped, EarlyStopped, Step, Validation

Level = Literal["info", "warn", "error"]


@dataclass(frozen=True, slots=True)
class Note:
    """An event before it is stored; `data` makes it one of type `metrics`."""

    key: str
    message: str
    level: Level = "info"
    data: dict[str, object] | None = None

    @property
    def type(self) -> str:
        return "message" if self.data is None else "metrics"


def created(job_id: str) -> Note:
    return Note("created", f"Created fine-tuning job: {job_id}")


def validating(file_id: str, kind: Literal["training", "validation"]) -> Note:
    return Note(f"validating:{kind}", f"Validating {kind} file: {file_id}")


def queued() -> Note:
    return Note("queued", "Files validated, moving job to queued state")


def started() -> Note:
    return Note("started", "Fine-tuning job started")


def continued(step: int, attempt: str) -> Note:
    """Training goes on after an interruption; `attempt` tells one interruption from the next."""
    if step == 0:
        return Note(f"continued:{attempt}", "Training starts again from the first step")
    return Note(f"continued:{attempt}", f"Training continues from the checkpoint at step {step}")


def crashed(crashes: int, allowed: int, why: str, at_step: int) -> Note:
    return Note(
        f"crashed:{at_step}:{crashes}",
        f"Training was interrupted ({why}); retry {crashes} of {allowed}",
        level="warn",
    )


def step(line: Step, total: int) -> Note:
    loss = "n/a" if line.train_loss is None else f"{line.train_loss:.2f}"
    return Note(
        f"step:{line.step}",
        f"Step {line.step}/{total}: training loss={loss}",
        data={
            "step": line.step,
            "total_steps": total,
            "train_loss": line.train_loss,
            "train_mean_token_accuracy": line.train_mean_token_accuracy,
            "learning_rate": line.learning_rate,
            "grad_norm": line.grad_norm,
            "tokens": line.tokens,
            "tokens_per_second": line.tokens_per_second,
            **line.values,
        },
    )


def validation(line: Validation, total: int) -> Note:
    loss = "n/a" if line.valid_loss is None else f"{line.valid_loss:.2f}"
    return Note(
        f"validation:{line.step}",
        f"Validation after step {line.step}/{total}: validation loss={loss}",
        data={
            "step": line.step,
            "total_steps": total,
            "valid_loss": line.valid_loss,
            "valid_mean_token_accuracy": line.valid_mean_token_accuracy,
            **{f"valid_{name}": value for name, value in line.values.items()},
        },
    )


def dropped(line: Dropped) -> Note:
    records = "record of the" if line.count == 1 else "records of the"
    lines = ", ".join(map(str, line.lines[:10])) + (", …" if line.count > 10 else "")
    return Note(
        f"dropped:{line.of}:{line.reason}",
        f"{line.count} {records} {line.of} data left out: {line.reason} (lines {lines})",
        level="warn",
    )


def taught(answered: int, prompts: int, kept: int) -> Note:
    return Note(
        f"taught:{answered}",
        f"The teacher has answered {answered} of {prompts} prompts; {kept} answers are good enough",
        data={"answered": answered, "prompts": prompts, "kept": kept},
    )


def early_stopped(line: EarlyStopped) -> Note:
    return Note(
        "early_stopped",
        f"Stopped early after step {line.step}: validation was best at step {line.best_step}, "
        "whose checkpoint becomes the model",
    )


def old_data_skipped(source_id: str) -> Note:
    return Note(
        f"skipped:{source_id}",
        f"'{source_id}', which the model learnt from before, cannot be mixed in and is left out",
        level="warn",
    )


def checkpoint(step_number: int, model_id: str) -> Note:
    return Note(
        f"checkpoint:{step_number}",
        f"Checkpoint created at step {step_number} with Snapshot ID: {model_id}",
    )


def model_created(model_id: str) -> Note:
    return Note("model", f"New fine-tuned model created: {model_id}")


def succeeded() -> Note:
    return Note("succeeded", "The job has successfully completed")


def failed(message: str) -> Note:
    return Note("failed", f"The job failed: {message}", level="error")


def cancelled() -> Note:
    return Note("cancelled", "Fine-tuning job cancelled")


def yielded(attempt: str, step: int) -> Note:
    return Note(
        f"yielded:{attempt}",
        f"Serving is busy: training makes room after step {step} and waits for idle time",
    )


def paused(count: int) -> Note:
    return Note(f"paused:{count}", "Fine-tuning job paused")


def resumed(count: int) -> Note:
    return Note(f"resumed:{count}", "Fine-tuning job resumed, moving job to queued state")


def rerun(old_job_id: str, changes: Mapping[str, float | int]) -> Note:
    told = ", ".join(f"{name} = {value:g}" for name, value in changes.items())
    return Note("rerun", f"Runs {old_job_id} again with {told}, as its report advises")
