"""What a model is asked for new records, and how its answer is read.

The model sees a few records as JSON and is to write as many new ones in the same form. An answer is
read leniently, since models wrap JSON in words and stop in the middle: every whole object that has
the fields counts, the rest is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from argosy.api import records as kinds
from argosy.registry.datasets.operators.insight.traits import kind_of
from argosy.registry.datasets.operators.texts import (
    ASSISTANT,
    Record,
    answers,
    asked,
    content_text,
)
from argosy.registry.domain.rules import RuleBroken

# Records asked for in one request: more, and models repeat themselves or stop.
PER_REQUEST: Final = 5

_SYSTEM: Final = (
    "You write examples for teaching an assistant. You are shown some examples as JSON objects, "
    "one a line. Write new ones in the same form and in the same language, about other things: "
    "other situations, names, numbers and wordings, of the same kind and of the same length. Every "
    "answer must be right and complete. Reply with JSON objects only, one a line, and nothing else."
)
_REQUEST: Final = "Examples:\n{examples}\n\nWrite {count} new ones."
_DECODER: Final = json.JSONDecoder()


def request(seeds: Sequence[Record], count: int) -> list[Record]:
    """Return the messages that ask for `count` records like the seeds; raises RuleBroken."""
    examples = "\n".join(json.dumps(_form(seed), ensure_ascii=False) for seed in seeds)
    return [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": _REQUEST.format(examples=examples, count=count)},
    ]


def read(answer: str, like: Record) -> Iterator[Record]:
    """Yield the records in a model's answer, of the kind of `like`, under its instructions."""
    answered = kind_of(like) == kinds.DIALOGUE
    given = [message for message in asked(like) if message["role"] in {"system", "developer"}]
    for found in _objects(answer):
        prompt, response = found.get("prompt"), found.get("response")
        if not isinstance(prompt, str) or not prompt.strip():
            continue
        messages = [*given, {"role": "user", "content": prompt.strip()}]
        if not answered:
            yield {"messages": messages}
        elif isinstance(response, str) and response.strip():
            yield {"messages": [*messages, {"role": ASSISTANT, "content": response.strip()}]}


def _form(seed: Record) -> dict[str, str]:
    kind = kind_of(seed)
    if kind not in {kinds.DIALOGUE, kinds.PROMPTS}:
        raise RuleBroken(
            f"Records of kind {kind} cannot be seeds; dialogue and prompts can.", param="source"
        )
    last = next((m for m in reversed(asked(seed)) if m["role"] == "user"), {})
    form = {"prompt": content_text(last)}
    return form | {"response": answers(seed)[0]} if kind == kinds.DIALOGUE else form


def _objects(answer: str) -> Iterator[dict[str, Any]]:
    start = answer.find("{")
    while start >= 0:
        try:
            found, end = _DECODER.raw_decode(answer, start)
        except ValueError:
            end = start + 1
        else:
            if isinstance(found, dict):
                yield found
        start = answer.find("{", end)
