"""Distillation: learn a teacher's answers, given before the run; with the teacher's weights at hand
also its whole distribution over them."""

from pathlib import Path
from typing import Any

from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.tokens import Tokenization
from argosy.trainer.worker.failures import Unsupported
from argosy.trainer.worker.hardware import Hardware
from argosy.trainer.worker.models import load_base, load_policy
from argosy.trainer.worker.objectives.distillation import DistillationObjective
from argosy.trainer.worker.objectives.supervised import SupervisedObjective
from argosy.trainer.worker.run import Run
from transformers import AutoTokenizer

TEMPERATURE = 1.0
# Of the loss; the rest is what the answers themselves teach.
TEACHERS_SHARE = 0.5


def train(run: Run) -> None:
    bench = run.begin()
    data = bench.data(forms.dialogue, Tokenization.record)
    model = load_policy(run.spec, bench.hardware)
    budget = bench.budget(model)
    teacher = run.spec.teacher
    objective = (
        DistillationObjective(
            budget,
            _teacher(Path(teacher["weights_path"]), bench.hardware, bench.tokenizer),
            temperature=float(teacher.get("temperature") or TEMPERATURE),
            share=float(teacher.get("share") or TEACHERS_SHARE),
        )
        if teacher
        else SupervisedObjective(budget)
    )
    bench.train(model, data, objective, perplexing=True)


def _teacher(weights: Path, hardware: Hardware, tokenizer: Any) -> Any:
    if AutoTokenizer.from_pretrained(weights).get_vocab() != tokenizer.get_vocab():
        raise Unsupported(
            "the teacher's vocabulary is not the student's: leave `teacher` out, and its answers "
            "alone are learnt"
        )
    return load_base(weights, hardware.dtype).to(hardware.device).eval().requires_grad_(False)
