"""Makes a recipe's records: those to train on and those of the exam, which never overlap.

The same seed makes the same bytes. Knows the forms of records; standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from argosy.api import records as kinds
from argosy.cli.recipes.example import Example, Generator, Message

# So many made in vain for each one wanted, and the generator has no more to say.
_TRIES: Final = 50


@dataclass(frozen=True, slots=True)
class Question:
    """One request of the exam and what its answer is held against."""

    messages: list[Message]
    reference: Any


@dataclass(frozen=True, slots=True)
class Data:
    """`training` are lines of a training file, as dicts."""

    training: list[dict[str, Any]]
    exam: list[Question]


class TooFew(ValueError):
    """The generator cannot make so many different examples."""


def make(generator: Generator, *, training: int, exam: int, seed: int, kind: str) -> Data:
    """Return so many training examples (as records of `kind`) and so many exam questions.

    Of records with two sides, each example makes two. Raises TooFew.
    """
    # Not for secrets: the same seed must make the same records.
    different = _different(generator, Random(seed))  # noqa: S311
    questions = [next(different) for _ in range(exam)]
    return Data(
        training=[r for _ in range(training) for r in records(next(different), kind)],
        exam=[Question(each.messages(), each.reference) for each in questions],
    )


def sides(kind: str) -> int:
    """Return how many records one example makes."""
    return 2 if kind == kinds.UNPAIRED else 1


def records(example: Example, kind: str) -> Iterator[dict[str, Any]]:
    """Yield an example as records of a kind."""
    asked = example.messages()
    answer = {"role": "assistant", "content": example.answer}
    if kind == kinds.DIALOGUE:
        yield {"messages": [*asked, answer]}
    elif kind == kinds.UNPAIRED:
        yield {"messages": asked, "completion": example.answer, "label": True}
        yield {"messages": asked, "completion": example.wrong, "label": False}
    else:
        yield {
            "input": {"messages": asked},
            "preferred_output": [answer],
            "non_preferred_output": [{"role": "assistant", "content": example.wrong}],
        }


def _different(generator: Generator, chance: Random) -> Iterator[Example]:
    seen: set[tuple[str, str]] = set()
    tries = 0
    while tries < _TRIES:
        example = generator(chance)
        tries += 1
        if (example.system, example.user) not in seen:
            seen.add((example.system, example.user))
            tries = 0
            yield example
    raise TooFew(f"the generator makes only {len(seen)} different examples")


def jsonl(rows: Iterable[Any]) -> bytes:
    """Return rows as JSONL."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def exam_rows(exam: Iterable[Question]) -> list[dict[str, Any]]:
    """Return the exam as items of an eval."""
    return [{"item": {"messages": q.messages, "reference": q.reference}} for q in exam]


def question(row: dict[str, Any]) -> Question:
    """Return the question that a row of `exam_rows` holds."""
    return Question(row["item"]["messages"], row["item"]["reference"])
