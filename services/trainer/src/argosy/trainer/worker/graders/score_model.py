"""score_model: another model is asked for a number."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from argosy.trainer.worker.failures import GraderFailed
from argosy.trainer.worker.graders.gateway import Gateway
from argosy.trainer.worker.graders.grader import Grade, Grades, Sample
from argosy.trainer.worker.graders.templates import NoSuchSlot, fill

# Questions on their way at once.
PARALLEL = 8
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "grade",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"result": {"type": "number"}},
            "required": ["result"],
            "additionalProperties": False,
        },
    },
}


@dataclass(frozen=True)
class ScoreModelGrader:
    """`messages` are templates; the score is brought from the range `low`…`high` as it is."""

    gateway: Gateway
    model: str
    messages: list[dict[str, str]]
    low: float
    high: float
    sampling: dict[str, Any]

    def grade(self, samples: Sequence[Sample]) -> Grades:
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(self._one, samples))

    def _one(self, sample: Sample) -> Grade:
        try:
            messages = [
                message | {"content": fill(message["content"], sample)} for message in self.messages
            ]
            answer = self.gateway.chat(
                {
                    "temperature": 0,
                    "seed": 0,
                    **self.sampling,
                    "model": self.model,
                    "messages": messages,
                    "response_format": _FORM,
                }
            )
            return Grade(min(self.high, max(self.low, _number(answer))))
        except (NoSuchSlot, GraderFailed, ValueError) as error:
            return Grade(0.0, str(error))


def _number(answer: str) -> float:
    """`result` of the object asked for; a model that ignores the form may still name a number."""
    try:
        return float(json.loads(answer)["result"])
    except (ValueError, KeyError, TypeError):
        found = _NUMBER.search(answer)
        if found is None:
            raise ValueError(f"the model named no number: {answer[:200]!r}") from None
        return float(found[0])
