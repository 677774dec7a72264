"""Graders that compare texts: string_check and text_similarity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from argosy.trainer.worker.graders.grader import Grade, Grades, Sample
from argosy.trainer.worker.graders.similarity import METRICS
from argosy.trainer.worker.graders.templates import NoSuchSlot, fill

CHECKS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda text, reference: text == reference,
    "ne": lambda text, reference: text != reference,
    "like": lambda text, reference: reference in text,
    "ilike": lambda text, reference: reference.casefold() in text.casefold(),
}


@dataclass(frozen=True)
class TextGrader:
    """`input` and `reference` are templates; `judge` takes them filled."""

    input: str
    reference: str
    judge: Callable[[str, str], float]

    def grade(self, samples: Sequence[Sample]) -> Grades:
        return [self._one(sample) for sample in samples]

    def _one(self, sample: Sample) -> Grade:
        try:
            return Grade(float(self.judge(fill(self.input, sample), fill(self.reference, sample))))
        except NoSuchSlot as error:
            return Grade(0.0, str(error))


def string_check(input: str, reference: str, operation: str) -> TextGrader:  # noqa: A002
    return TextGrader(input, reference, CHECKS[operation])


def text_similarity(input: str, reference: str, metric: str) -> TextGrader:  # noqa: A002
    return TextGrader(input, reference, METRICS[metric])
