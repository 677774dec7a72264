"""Going on with pretraining: learn every token of texts, joined and cut to whole sequences."""

import sys

from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.corpus import Corpus, pack
from argosy.trainer.worker.data.tokens import Record, Tokenization
from argosy.trainer.worker.models import load_policy
from argosy.trainer.worker.objectives.supervised import SupervisedObjective
from argosy.trainer.worker.run import Run


def train(run: Run) -> None:
    bench = run.begin()
    length = run.spec.max_seq_length

    def joined(corpus: Corpus[Record]) -> Corpus[Record]:
        return Corpus(pack(corpus.records, length), corpus.dropped)

    data = (
        # No text is too long: it goes on in the next sequence.
        bench.data(forms.text, Tokenization.text, limit=sys.maxsize, arrange=joined)
        if run.spec.packing
        else bench.data(forms.text, Tokenization.text)
    )
    model = load_policy(run.spec, bench.hardware)
    objective = SupervisedObjective(bench.budget(model))
    bench.train(model, data, objective, perplexing=True)
