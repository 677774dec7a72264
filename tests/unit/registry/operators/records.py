"""Records for tests of operators."""

from __future__ import annotations

from typing import Any

from argosy.registry.datasets.operators.catalogue import pipeline
from argosy.registry.datasets.operators.cleaning import Cleaning, Step

Record = dict[str, Any]


def talk(asked: str, answered: str | None = None, **more: Any) -> Record:
    messages = [{"role": "user", "content": asked}]
    if answered is not None:
        messages.append({"role": "assistant", "content": answered})
    return {"messages": messages, **more}


def text(content: str) -> Record:
    return {"text": content}


def run(stage: str, name: str, records: list[Record], **args: Any) -> tuple[list[Record], Step]:
    """Run one operator and return what remains and what it counted."""
    cleaning = Cleaning(pipeline({stage: [{"name": name, "args": args}]}))
    remaining = list(cleaning(records))
    (step,) = cleaning.steps
    assert step.remaining == len(remaining)
    return remaining, step


def counts(step: Step) -> tuple[int, int, int]:
    """Return (remaining, changed, dropped)."""
    return step.remaining, step.changed, step.dropped
