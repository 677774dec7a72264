"""Supervised tuning: learn the answers of dialogues."""

from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.tokens import Tokenization
from argosy.trainer.worker.models import load_policy
from argosy.trainer.worker.objectives.supervised import SupervisedObjective
from argosy.trainer.worker.run import Run


def train(run: Run) -> None:
    bench = run.begin()
    data = bench.data(forms.dialogue, Tokenization.record)
    model = load_policy(run.spec, bench.hardware)
    objective = SupervisedObjective(bench.budget(model))
    bench.train(model, data, objective, perplexing=True)
