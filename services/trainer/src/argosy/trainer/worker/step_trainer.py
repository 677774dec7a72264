"""The training library's loop, told which records each step learns from and what it learns.

Two things differ from the library's way. Batches are planned beforehand (`schedule`), so a row of
the data set stands for a whole step, which goes through the model in parts small enough for memory.
And what is learnt is an `Objective`: the loop knows no method.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import torch
from accelerate.utils import gather_object
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.corpus import Sequenced
from argosy.trainer.worker.ranks import Rank
from argosy.trainer.worker.rates import schedule
from argosy.trainer.worker.score import Score
from argosy.trainer.worker.spec import Spec
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer

T = TypeVar("T")
T_contra = TypeVar("T_contra", bound=Sequenced, contravariant=True)


class Objective(Protocol[T_contra]):
    """What a method learns. Losses are sums, so that a step is the same however it is cut."""

    def parts(self, records: Sequence[T_contra]) -> list[Batch]:
        """The tensors of one step. `units` of a part is what its loss is a sum over."""
        ...

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        """What takes the model as it is before the step: references, samples. Without gradient.
        `step` is None for records that are not learnt from."""
        ...

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        """The part's summed loss (a scalar with gradient) and what else there is to know."""
        ...


class StepTrainer(Trainer):
    """Trains on `Steps.numbers`, which `Steps.collate` fills. `score` is the last step's, `records`
    are the lines it learnt from."""

    # A step's loss is the mean over all its units, whatever parts it was cut into.
    loss_is_scaled_for_ga = True

    def __init__(self, spec: Spec, objective: Objective[Any], rank: Rank, **options: Any) -> None:
        super().__init__(**options)
        self._spec = spec
        self.objective = objective
        self.rank = rank
        self.score = Score()
        self.records: list[int] = []

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.lr_scheduler is None:
            share = schedule(self._spec.lr_scheduler, num_training_steps, self._spec.warmup_ratio)
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, share)
        return self.lr_scheduler

    def training_step(self, model: Any, inputs: Batch, num_items_in_batch: Any = None) -> Any:
        self.score = Score()
        self.records = inputs["records"]
        # What the model is before the step must not depend on dropout.
        model.eval()
        parts = self.objective.prepare(model, self._prepare_inputs(inputs["parts"]), inputs["step"])
        units = sum(part["units"] for part in parts) if inputs["counts"] else 0
        all_units = sum(self._of_all(units))
        # The ranks' gradients are averaged, not added up. What does not count is divided away.
        share = all_units / self.rank.count if inputs["counts"] else math.inf
        *others, last = parts
        with self.accelerator.no_sync(model):
            losses = [super(StepTrainer, self).training_step(model, part, share) for part in others]
        # With the last part the ranks' gradients meet.
        losses.append(super().training_step(model, last, share))
        self.score = self.together(self.score if inputs["counts"] else Score())
        return torch.stack(losses).sum()

    def together(self, score: Score) -> Score:
        """The sum over all ranks, which all have to ask for it."""
        total = Score()
        for each in self._of_all(score):
            total.add(each)
        return total

    def _of_all(self, value: T) -> list[T]:
        if self.rank.count == 1:
            return [value]
        values: list[T] = gather_object([value])
        return values

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        loss, score = self.objective.loss(model, inputs)
        self.score.add(score)
        return loss / num_items_in_batch

    def judge(self, step: Batch) -> Score:
        """How the model does on a step that it does not learn from. The model is in eval mode."""
        score = Score()
        with torch.no_grad():
            parts = self._prepare_inputs(step["parts"])
            for part in self.objective.prepare(self.model, parts, None):
                score.add(self.objective.loss(self.model, part)[1])
        return score
