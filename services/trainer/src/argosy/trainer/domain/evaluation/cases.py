"""Records as cases: what is asked, what would be right.

Knows the kinds of records. Text that only continues has no question and makes no case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Literal

from argosy.api import records as kinds
from argosy.trainer.domain.evaluation.words import words

TaskType = Literal["closed", "open"]
CLOSED: Final = "closed"
OPEN: Final = "open"

KINDS: Final = (kinds.DIALOGUE, kinds.PREFERENCE, kinds.RANKED, kinds.UNPAIRED, kinds.PROMPTS)
# Answers of up to so many words are right or wrong; longer ones are told in many ways.
_SHORT: Final = 6
# Where a record of prompts says what would be right.
_ANSWERS: Final = ("reference", "answer", "response")


@dataclass(frozen=True, slots=True)
class Case:
    """`line` counts from 1 and is the record's place in its file or version. `reference` and
    `label` are None where the record has none. `item` is the record itself, for graders."""

    line: int
    messages: Sequence[Mapping[str, Any]]
    reference: str | None
    label: str | None
    item: Mapping[str, Any]

    @property
    def question(self) -> str:
        """Return the last thing that was asked."""
        return _text(self.messages[-1]) if self.messages else ""


def case(line: int, record: Mapping[str, Any]) -> Case | None:
    """Return the case of a record; None if nothing can be asked, or nothing was right."""
    given = record.get("input", record)
    messages = list(given.get("messages", ()))
    reference: str | None = None
    if "preferred_output" in record:
        reference = _text(record["preferred_output"][-1])
    elif record.get("responses"):
        reference = str(record["responses"][0])
    elif "completion" in record:
        # An answer that was not liked says nothing of what would be.
        if record.get("label") is not True:
            return None
        reference = str(record["completion"])
    elif messages and messages[-1].get("role") == "assistant":
        reference = _text(messages.pop())
    else:
        reference = next((str(record[key]) for key in _ANSWERS if key in record), None)
    if not messages:
        return None
    label = record.get("label")
    return Case(line, messages, reference, label if isinstance(label, str) else None, record)


def task_type(cases: Sequence[Case], *, labelled: bool) -> TaskType:
    """Return how the answers are to be read: closed if they are right or wrong, else open."""
    lengths = [len(words(each.reference)) for each in cases if each.reference is not None]
    return CLOSED if labelled or not lengths or median(lengths) <= _SHORT else OPEN


def _text(message: Mapping[str, Any]) -> str:
    """Return a message's words; parts that are none are left out."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""
