"""RLHF by RLOO: answers are sampled, rewarded, and learnt by how much better they were than their
siblings, the other answers to the same prompt.

Ahmadian et al., "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human
Feedback in LLMs" (2024): the reward less the KL to the start, the mean of the others as baseline
(section 3.3), one step of REINFORCE on whole answers.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch, cut, pad
from argosy.trainer.worker.data.tokens import Prompt, Record
from argosy.trainer.worker.objectives.answers import answer_logprobs
from argosy.trainer.worker.objectives.sampling import Sampler
from argosy.trainer.worker.objectives.start import Start
from argosy.trainer.worker.rewards import Answer, Reward
from argosy.trainer.worker.score import Score


@dataclass(frozen=True)
class RlooSettings:
    """`generations` are the answers to one prompt; `kl_coefficient` is what a nat of KL costs."""

    budget: int
    generations: int
    kl_coefficient: float


@dataclass(frozen=True)
class Sampled:
    """One sampled answer and what became of it; `kl` is its log-probability less the start's."""

    answer: Answer
    record: Record
    reward: float
    logprob: float
    kl: float

    def objective(self, kl_coefficient: float) -> float:
        return self.reward - kl_coefficient * self.kl


class RlooObjective:
    """A unit is a sampled answer. `tell` hears each step's samples."""

    def __init__(
        self,
        settings: RlooSettings,
        sampler: Sampler,
        reward: Reward,
        start: Start,
        tell: Callable[[int, Sequence[Sampled]], None],
    ) -> None:
        self._settings = settings
        self._sampler = sampler
        self._reward = reward
        self._start = start
        self._tell = tell

    def parts(self, records: Sequence[Prompt]) -> list[Batch]:
        return [{"prompts": list(records), "units": len(records)}]

    def prepare(self, model: Any, parts: list[Batch], step: int | None) -> list[Batch]:
        prompts = [prompt for part in parts for prompt in part["prompts"]]
        answers = self._sampler.sample(model, prompts, self._settings.generations, step or 0)
        scored = self._reward.of(answers)
        samples = self._weighed(model, answers, scored.rewards)
        if step is not None:
            self._tell(step, samples)
        values = self._values(samples) | scored.values
        return [
            part | {"values": values if index == 0 else {}}
            for index, part in enumerate(self._parts(samples, model))
        ]

    def loss(self, model: Any, part: Batch) -> tuple[torch.Tensor, Score]:
        logprobs = answer_logprobs(model, part)
        loss = -(part["advantages"] * logprobs).sum()
        score = Score(loss=loss.item(), units=part["units"], tokens=part["tokens"])
        for name, value in part["values"].items():
            score.note(name, value, 1)
        return loss, score

    def _weighed(
        self, model: Any, answers: Sequence[Answer], rewards: Sequence[float]
    ) -> list[Sampled]:
        """With the log-probabilities of the model and of its start."""
        records = [_record(answer) for answer in answers]
        logprobs = [0.0] * len(records)
        kls = [0.0] * len(records)
        numbers = {id(record): index for index, record in enumerate(records)}
        for group in cut(records, self._settings.budget):
            part = _on(model, pad(group))
            with torch.no_grad():
                mine = answer_logprobs(model, part)
            with self._start.restored():
                kl = mine - answer_logprobs(model, part)
            for record, logprob, distance in zip(group, mine.tolist(), kl.tolist(), strict=True):
                logprobs[numbers[id(record)]] = logprob
                kls[numbers[id(record)]] = distance
        return [
            Sampled(*each) for each in zip(answers, records, rewards, logprobs, kls, strict=True)
        ]

    def _parts(self, samples: Sequence[Sampled], model: Any) -> list[Batch]:
        objectives = [sample.objective(self._settings.kl_coefficient) for sample in samples]
        advantages = leave_one_out(objectives, self._settings.generations)
        by_record = {
            id(sample.record): advantage
            for sample, advantage in zip(samples, advantages, strict=True)
        }
        return [
            _on(model, pad(group))
            | {
                "units": len(group),
                "advantages": torch.tensor(
                    [by_record[id(record)] for record in group], device=model.device
                ),
            }
            for group in cut([sample.record for sample in samples], self._settings.budget)
        ]

    def _values(self, samples: Sequence[Sampled]) -> dict[str, float]:
        """The reward, the constraint and their sum are series of their own."""
        rewards = torch.tensor([sample.reward for sample in samples], dtype=torch.float64)
        objectives = [sample.objective(self._settings.kl_coefficient) for sample in samples]
        count = len(samples)
        return {
            "reward": rewards.mean().item(),
            "reward_std": rewards.std(unbiased=False).item(),
            "kl": sum(sample.kl for sample in samples) / count,
            "objective": sum(objectives) / count,
            "completion_tokens": sum(len(sample.answer.ids) for sample in samples) / count,
        }


def leave_one_out(values: Sequence[float], group: int) -> list[float]:
    """Each value less the mean of the others of its group of `group` neighbours."""
    advantages = []
    for start in range(0, len(values), group):
        members = values[start : start + group]
        total = sum(members)
        advantages += [
            value - (total - value) / (len(members) - 1) if len(members) > 1 else 0.0
            for value in members
        ]
    return advantages


def _record(answer: Answer) -> Record:
    ids = array("i", [*answer.prompt.ids, *answer.ids])
    trained = bytearray(len(answer.prompt.ids)) + bytearray(b"\x01" * len(answer.ids))
    return Record(answer.prompt.line, ids, trained)


def _on(model: Any, part: Batch) -> Batch:
    return part | {name: part[name].to(model.device) for name in ("input_ids", "labels")}
