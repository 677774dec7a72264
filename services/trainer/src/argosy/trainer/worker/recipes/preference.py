"""Learning from comparisons without a reward model: DPO, ORPO, and KTO of single verdicts."""

from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.tokens import Tokenization
from argosy.trainer.worker.models import load_policy
from argosy.trainer.worker.objectives.dpo import DpoObjective
from argosy.trainer.worker.objectives.kto import KtoObjective
from argosy.trainer.worker.objectives.orpo import OrpoObjective
from argosy.trainer.worker.objectives.references import References
from argosy.trainer.worker.objectives.start import Start
from argosy.trainer.worker.run import Run


def train_dpo(run: Run) -> None:
    """The reference is the model before the run: with an adapter to start from, that adapter."""
    bench = run.begin()
    data = bench.data(forms.comparisons(run.spec.kind()), Tokenization.pair)
    model = load_policy(run.spec, bench.hardware)
    objective = DpoObjective(
        bench.budget(model),
        run.spec.beta,
        References(Start(model)),
        nll_coefficient=run.spec.nll_coefficient,
    )
    bench.train(model, data, objective)


def train_orpo(run: Run) -> None:
    bench = run.begin()
    data = bench.data(forms.comparisons(run.spec.kind()), Tokenization.pair)
    model = load_policy(run.spec, bench.hardware)
    objective = OrpoObjective(bench.budget(model), run.spec.beta)
    bench.train(model, data, objective, perplexing=True)


def train_kto(run: Run) -> None:
    bench = run.begin()
    data = bench.data(forms.verdicts(run.spec.kind()), Tokenization.judged)
    model = load_policy(run.spec, bench.hardware)
    verdicts = [record.good for record in data.training.records]
    objective = KtoObjective(
        bench.budget(model),
        run.spec.beta,
        References(Start(model)),
        good=verdicts.count(True),
        bad=verdicts.count(False),
    )
    bench.train(model, data, objective, kinds=verdicts)
