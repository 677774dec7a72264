"""Watches the loop: reports steps, validates, has checkpoints written and published, ends the run.

Knows when each is due. What is learnt, and what a checkpoint holds, is not its concern.
"""

import math
import time
from typing import Any

from argosy.trainer.worker.batches import Steps
from argosy.trainer.worker.checkpoints import Checkpoints
from argosy.trainer.worker.early_stop import EarlyStop
from argosy.trainer.worker.failures import Diverged
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.score import Score
from argosy.trainer.worker.spec import Spec
from argosy.trainer.worker.step_trainer import StepTrainer
from argosy.trainer.worker.stopping import StopSignal
from transformers import TrainerCallback

# Numbers that have a field of their own in a line.
ACCURACY = "mean_token_accuracy"
# Above this a perplexity says nothing, and its exponential may not be a number.
LARGEST_LOSS = 50.0


class Reporter(TrainerCallback):
    """The eyes of one run on its trainer. `perplexing` tells that losses are those of tokens."""

    def __init__(
        self,
        spec: Spec,
        trainer: StepTrainer,
        checkpoints: Checkpoints,
        progress: Progress,
        stop: StopSignal,
        validation: Steps[Any] | None,
        *,
        perplexing: bool,
    ) -> None:
        self._spec = spec
        self._trainer = trainer
        self._checkpoints = checkpoints
        self._progress = progress
        self._stop = stop
        self._validation = validation
        self._perplexing = perplexing
        self._early_stop = EarlyStop.load(spec.early_stop_patience, spec.resume_from)
        self._step_began = time.monotonic()

    def has_stopped(self) -> bool:
        """Whether the run is over before its last step."""
        return self._early_stop.is_due()

    def result(self, last_step: int) -> int:
        """The step whose checkpoint is the run's result, which ended with `last_step`."""
        return self._early_stop.best_step if self._early_stop.is_due() else last_step

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._step_began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._stop.check()
        if state.global_step % self._spec.checkpoint_every_steps == 0:
            control.should_save = True
        if state.global_step == state.max_steps:
            control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Called after each step, before its checkpoint, and once with totals at the end."""
        if "loss" not in logs:
            return
        step, score = state.global_step, self._trainer.score
        values = self._values(score) | {"grad_norm": logs["grad_norm"]}
        seconds = time.monotonic() - self._step_began
        self._progress.emit(
            "step",
            step=step,
            train_loss=score.mean_loss(),
            train_mean_token_accuracy=values.pop(ACCURACY, None),
            learning_rate=logs["learning_rate"],
            grad_norm=logs["grad_norm"],
            tokens=score.tokens,
            tokens_per_second=round(score.tokens / seconds, 1),
            values=values,
            records=self._trainer.records,
        )
        if not (math.isfinite(score.mean_loss()) and math.isfinite(logs["grad_norm"])):
            raise Diverged(step, logs["learning_rate"])
        if self._validation is not None and self._is_validated(step, control):
            self._validate(step, self._validation, control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # Every rank writes its random state.
        self._trainer.accelerator.wait_for_everyone()
        if self._trainer.rank.speaks():
            self._publish(state.global_step)
        if self._early_stop.is_due():
            control.should_training_stop = True

    def _publish(self, step: int) -> None:
        written = self._checkpoints.aside / f"checkpoint-{step}"
        if self._spec.early_stop_patience:
            self._early_stop.save(written)
        path = self._checkpoints.publish(written, step)
        self._progress.emit("checkpoint", step=step, path=str(path))

    def _is_validated(self, step: int, control: Any) -> bool:
        every = self._spec.validate_every_steps
        return bool(control.should_save) if every is None else every > 0 and step % every == 0

    def _validate(self, step: int, batches: Steps[Any], control: Any) -> None:
        total = Score()
        self._trainer.model.eval()
        for index in self._trainer.rank.share(range(len(batches))):
            self._stop.check()
            total.add(self._trainer.judge(batches[index]))
        total = self._trainer.together(total)
        values = self._values(total)
        loss = total.mean_loss()
        self._progress.emit(
            "validation",
            step=step,
            # Of sampled answers, what counts is the objective among the values.
            valid_loss=None if "objective" in values else loss,
            valid_mean_token_accuracy=values.pop(ACCURACY, None),
            values=values,
        )
        if not math.isfinite(loss):
            raise Diverged(step, self._spec.learning_rate)
        if self._spec.early_stop_patience:
            is_best = self._early_stop.judge(step, -values.get("objective", -loss))
            # The best has a checkpoint, since the run may end with it; so has a run's end.
            if is_best or self._early_stop.is_due():
                control.should_save = True

    def _values(self, score: Score) -> dict[str, float]:
        values = score.means()
        if self._perplexing:
            cross_entropy = values.get("cross_entropy", score.mean_loss())
            values["perplexity"] = math.exp(min(cross_entropy, LARGEST_LOSS))
        return values
