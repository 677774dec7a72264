"""The reward model: a score head that learns which of two answers is the better one."""

from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.tokens import Tokenization
from argosy.trainer.worker.models import load_scorer
from argosy.trainer.worker.objectives.reward import RewardObjective
from argosy.trainer.worker.run import Run


def train(run: Run) -> None:
    bench = run.begin()
    data = bench.data(forms.comparisons(run.spec.kind()), Tokenization.pair)
    model = load_scorer(run.spec, bench.hardware, bench.filler())
    bench.train(model, data, RewardObjective(bench.budget(model), bench.filler()))
