"""What a sampled answer is worth: a reward model's score, a grader's, or their sum."""

import statistics
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from argosy.trainer.worker.batches import cut, pad
from argosy.trainer.worker.data.tokens import Prompt, Record
from argosy.trainer.worker.failures import GraderFailed
from argosy.trainer.worker.graders.grader import Grader, Grades, Sample
from argosy.trainer.worker.objectives.reward import rewards


@dataclass(frozen=True)
class Answer:
    """`ids` are the answer's tokens, with the one that ends it."""

    prompt: Prompt
    ids: list[int]
    text: str


@dataclass(frozen=True)
class Rewards:
    """One reward an answer, and series to be watched."""

    rewards: list[float]
    values: dict[str, float] = field(default_factory=dict)


class Reward(Protocol):
    def of(self, answers: Sequence[Answer]) -> Rewards: ...


class ModelReward:
    """The score of a trained reward model; its tokens are the policy's."""

    def __init__(self, scorer: Any, filler: int, budget: int) -> None:
        self._scorer = scorer
        self._filler = filler
        self._budget = budget

    def of(self, answers: Sequence[Answer]) -> Rewards:
        records = [
            Record(index, ids, bytearray(len(ids)))
            for index, answer in enumerate(answers)
            for ids in [array("i", [*answer.prompt.ids, *answer.ids])]
        ]
        scores = [0.0] * len(records)
        for group in cut(records, self._budget):
            ids = pad(group, self._filler)["input_ids"].to(self._scorer.device)
            with torch.no_grad():
                found = rewards(self._scorer, ids, self._filler).tolist()
            for record, score in zip(group, found, strict=True):
                scores[record.line] = score
        return Rewards(scores, {"reward_model": statistics.fmean(scores)})


class GraderReward:
    """A grader's score. An answer that cannot be judged is worth nothing; if none of a step can,
    the grader is at fault and the run ends."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader

    def of(self, answers: Sequence[Answer]) -> Rewards:
        samples = [Sample(answer.text, answer.prompt.item) for answer in answers]
        grades: Grades = self._grader.grade(samples)
        if all(grade.error is not None for grade in grades):
            raise GraderFailed(
                f"the grader judged none of the {len(grades)} answers of a step: {grades[0].error}"
            )
        scores = [grade.score for grade in grades]
        errors = sum(grade.error is not None for grade in grades)
        return Rewards(scores, {"grader": statistics.fmean(scores), "grader_errors": float(errors)})


class SumReward:
    def __init__(self, rewards: Sequence[Reward]) -> None:
        self._rewards = rewards

    def of(self, answers: Sequence[Answer]) -> Rewards:
        each = [reward.of(answers) for reward in self._rewards]
        totals = [sum(scores) for scores in zip(*(one.rewards for one in each), strict=True)]
        values = {name: value for one in each for name, value in one.values.items()}
        return Rewards(totals, values)
