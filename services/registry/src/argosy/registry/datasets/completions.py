"""Stored completions: what was asked and answered, and what people thought of it.

Knows what a record is made of one. Does not know where they are kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from argosy.api import records as kinds

# The pair of `metadata` that tells what people thought: `up` or `down`.
RATING: Final = "rating"
DOWN: Final = "down"


@dataclass(frozen=True, slots=True)
class StoredCompletion:
    """One completion; `messages` and `completion` are JSON texts."""

    id: str
    project_id: str
    model: str
    created_at: datetime
    messages: str
    completion: str
    metadata: dict[str, str]


def as_record(value: StoredCompletion, kind: str) -> dict[str, Any] | None:
    """Return the record that a completion makes in a data set of `kind`; None if it makes none.

    An answer that was rated down is nobody's example: in a set of dialogues its question waits for
    a better one, in a set of preferences it is the side that is not preferred.
    """
    messages = json.loads(value.messages)
    answer = _answer(json.loads(value.completion))
    bad = value.metadata.get(RATING) == DOWN
    if answer is None:
        return None
    if kind == kinds.PREFERENCE:
        side = "non_preferred_output" if bad else "preferred_output"
        return {"input": {"messages": messages}, side: [answer]}
    if kind == kinds.UNPAIRED:
        return {"messages": messages, "completion": answer["content"], "label": not bad}
    return {"messages": messages if bad else [*messages, answer]}


def _answer(completion: dict[str, Any]) -> dict[str, Any] | None:
    choices = completion.get("choices") or [{}]
    content = (choices[0].get("message") or {}).get("content")
    if not isinstance(content, str) or not content:
        return None
    return {"role": "assistant", "content": content}
