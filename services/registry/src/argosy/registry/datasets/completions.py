"""Stored completions: what was asked and answered, and what people thought of it.

Knows what a record is made of one. Does not know where they are kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from argosy.api import records as kinds
from argosy.registry.datasets.refusals import is_refusal

# The pair of `metadata` that tells what people thought: `up` or `down`.
RATING: Final = "rating"
DOWN: Final = "down"
UP: Final = "up"


class BadCase(StrEnum):
    """Why a completion is suggested as a bad case."""

    RATED_DOWN = "rated_down"
    # Nobody has said so: the answer begins as refusals do.
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class StoredCompletion:
    """One completion; `messages` and `completion` are JSON texts.

    `refusal` tells that the answer looks like one.
    """

    id: str
    project_id: str
    model: str
    created_at: datetime
    messages: str
    completion: str
    metadata: dict[str, str]
    refusal: bool = False

    @property
    def bad_case(self) -> BadCase | None:
        """Why it is suggested as a bad case, None if it is not. What people say goes first."""
        rating = self.metadata.get(RATING)
        if rating == DOWN:
            return BadCase.RATED_DOWN
        return BadCase.REFUSAL if self.refusal and rating != UP else None


def refuses(completion: str) -> bool:
    """Tell whether a completion, as JSON, is a refusal: by its own word or by how it begins."""
    message = _message(json.loads(completion))
    content = message.get("content")
    return bool(message.get("refusal")) or (isinstance(content, str) and is_refusal(content))


def as_record(value: StoredCompletion, kind: str) -> dict[str, Any] | None:
    """Return the record that a completion makes in a data set of `kind`; None if it makes none.

    A bad case is nobody's example: in a set of dialogues its question waits for a better answer, in
    a set of preferences it is the side that is not preferred. What only looks like a refusal may be
    right to refuse: that is a person's to say, so in a set of verdicts it waits for one.
    """
    messages = json.loads(value.messages)
    answer = _answer(json.loads(value.completion))
    bad = value.bad_case is not None
    if answer is None:
        return None
    if kind == kinds.PREFERENCE:
        side = "non_preferred_output" if bad else "preferred_output"
        return {"input": {"messages": messages}, side: [answer]}
    if kind == kinds.UNPAIRED and value.bad_case is BadCase.REFUSAL:
        return {"messages": messages}
    if kind == kinds.UNPAIRED:
        return {"messages": messages, "completion": answer["content"], "label": not bad}
    return {"messages": messages if bad else [*messages, answer]}


def _answer(completion: dict[str, Any]) -> dict[str, Any] | None:
    content = _message(completion).get("content")
    if not isinstance(content, str) or not content:
        return None
    return {"role": "assistant", "content": content}


def _message(completion: dict[str, Any]) -> dict[str, Any]:
    choices = completion.get("choices") or [{}]
    return choices[0].get("message") or {}
