"""RLHF: sample answers, have them rewarded, learn what was better than its siblings.

The policy is the base with the adapter to start from (the supervised baseline), if there is one;
the reward is a trained reward model, a grader, or both.
"""

import os
from collections.abc import Sequence

from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.tokens import Tokenization
from argosy.trainer.worker.failures import Unsupported
from argosy.trainer.worker.graders.build import build_grader
from argosy.trainer.worker.graders.gateway import Gateway
from argosy.trainer.worker.models import load_policy, load_trained_scorer
from argosy.trainer.worker.objectives.rloo import RlooObjective, RlooSettings, Sampled
from argosy.trainer.worker.objectives.sampling import Sampler
from argosy.trainer.worker.objectives.start import Start
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.rewards import GraderReward, ModelReward, Reward, SumReward
from argosy.trainer.worker.run import Bench, Run
from transformers import AutoTokenizer

# Of a step's samples, so many are told.
TOLD_SAMPLES = 8


def train(run: Run) -> None:
    bench = run.begin()
    spec = run.spec
    data = bench.data(
        forms.tasks(spec.kind()),
        Tokenization.prompt,
        # The answer has to fit, too.
        limit=max(1, spec.max_seq_length - spec.max_completion_tokens),
    )
    model = load_policy(spec, bench.hardware)
    objective = RlooObjective(
        RlooSettings(bench.budget(model), spec.generations, spec.kl_coefficient),
        Sampler(
            bench.tokenizer,
            bench.filler(),
            seed=spec.seed,
            temperature=spec.temperature,
            max_tokens=spec.max_completion_tokens,
        ),
        SumReward(_rewards(bench)),
        Start(model),
        Teller(run.progress),
    )
    bench.train(model, data, objective)


def _rewards(bench: Bench) -> Sequence[Reward]:
    spec = bench.spec
    rewards: list[Reward] = []
    if spec.reward_model_path is not None:
        weights = spec.reward_weights_path or spec.weights_path
        if AutoTokenizer.from_pretrained(weights).get_vocab() != bench.tokenizer.get_vocab():
            raise Unsupported(
                "the reward model's vocabulary is not the policy's: train one on the same base"
            )
        scorer = load_trained_scorer(
            spec.reward_model_path, weights, bench.hardware, bench.filler()
        )
        rewards.append(ModelReward(scorer, bench.filler(), bench.hardware.max_tokens))
    if spec.grader is not None:
        rewards.append(GraderReward(build_grader(spec.grader, Gateway.of(os.environ))))
    return rewards


class Teller:
    """Reports some of each step's samples for inspection."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, step: int, samples: Sequence[Sampled]) -> None:
        every = max(1, len(samples) // TOLD_SAMPLES)
        for sample in samples[::every][:TOLD_SAMPLES]:
            self._progress.emit(
                "sample",
                step=step,
                line=sample.answer.prompt.line,
                prompt=sample.answer.prompt.text,
                text=sample.answer.text,
                logprob=sample.logprob,
                reward=sample.reward,
                kl=sample.kl,
            )
