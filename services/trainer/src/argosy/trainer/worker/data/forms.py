"""The other kinds of record beside dialogues: pairs, single verdicts, rankings, tasks and texts.

Knows each form's fields and what makes a line unusable (each complaint names the line), and how one
kind is read as another: a ranking as its pairs, a pair as two verdicts, a dialogue as a task whose
last answer is left out. Knows nothing of tokens. Standard library only.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from argosy.trainer.worker.data.conversations import (
    ASSISTANT,
    Conversation,
    parse_conversation,
    parse_messages,
)
from argosy.trainer.worker.failures import BadData
from argosy.trainer.worker.spec import DIALOGUE, RANKED, UNPAIRED


@dataclass(frozen=True)
class Comparison:
    """Two answers to the same messages, of which `chosen` is the better."""

    line: int
    chosen: Conversation
    rejected: Conversation


@dataclass(frozen=True)
class Verdict:
    """One answer, good or not."""

    line: int
    answer: Conversation
    good: bool


@dataclass(frozen=True)
class Task:
    """Messages to be answered; `item` is what a grader may ask of the record."""

    line: int
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    item: dict[str, Any]


@dataclass(frozen=True)
class Text:
    line: int
    text: str


def load(number: int, line: bytes) -> dict[str, Any]:
    """The object that a line holds. Raises BadData."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise BadData(f"line {number}: not a JSON object: {error}") from None
    if not isinstance(record, dict):
        raise BadData(f"line {number}: not a JSON object")
    return record


def dialogue(number: int, record: dict[str, Any]) -> Iterator[Conversation]:
    yield parse_conversation(number, record)


def comparisons(kind: str) -> Callable[[int, dict[str, Any]], Iterator[Comparison]]:
    return _ranked if kind == RANKED else _preference


def verdicts(kind: str) -> Callable[[int, dict[str, Any]], Iterator[Verdict]]:
    return _unpaired if kind == UNPAIRED else _both_of_a_pair


def tasks(kind: str) -> Callable[[int, dict[str, Any]], Iterator[Task]]:
    return _without_answer if kind == DIALOGUE else _task


def text(number: int, record: dict[str, Any]) -> Iterator[Text]:
    yield Text(number, _string(number, "text", record.get("text")))


def _preference(number: int, record: dict[str, Any]) -> Iterator[Comparison]:
    asked = record.get("input")
    if not isinstance(asked, dict):
        raise BadData(f"line {number}: `input` must be an object with `messages`")
    chosen, rejected = (
        _answered(number, asked, record.get(name), name)
        for name in ("preferred_output", "non_preferred_output")
    )
    yield Comparison(number, chosen, rejected)


def _ranked(number: int, record: dict[str, Any]) -> Iterator[Comparison]:
    """Every pair of the ranking, the better answer first."""
    answers = record.get("responses")
    if not isinstance(answers, list) or len(answers) < 2:
        raise BadData(f"line {number}: `responses` must be a list of at least two, best first")
    ranked = [
        _completed(number, record, answer, f"responses[{index}]")
        for index, answer in enumerate(answers)
    ]
    for better, worse in combinations(ranked, 2):
        yield Comparison(number, better, worse)


def _unpaired(number: int, record: dict[str, Any]) -> Iterator[Verdict]:
    good = record.get("label")
    if not isinstance(good, bool):
        raise BadData(f"line {number}: `label` must be true or false")
    yield Verdict(number, _completed(number, record, record.get("completion"), "completion"), good)


def _both_of_a_pair(number: int, record: dict[str, Any]) -> Iterator[Verdict]:
    for pair in _preference(number, record):
        yield Verdict(number, pair.chosen, True)
        yield Verdict(number, pair.rejected, False)


def _task(number: int, record: dict[str, Any]) -> Iterator[Task]:
    messages = parse_messages(number, record.get("messages"))
    if messages[-1]["role"] == ASSISTANT:
        raise BadData(f"line {number}: the last of `messages` must not be the assistant's")
    yield Task(number, messages, record.get("tools"), record)


def _without_answer(number: int, record: dict[str, Any]) -> Iterator[Task]:
    """What the record answered is `item.answer` to a grader."""
    conversation = parse_conversation(number, record)
    last = max(conversation.trained)
    item = record | {"answer": conversation.messages[last]["content"]}
    yield Task(number, conversation.messages[:last], conversation.tools, item)


def _answered(number: int, asked: dict[str, Any], answer: Any, name: str) -> Conversation:
    """The answer is a list of messages, of which the assistant's are learnt from."""
    before = parse_messages(number, asked.get("messages"))
    after = parse_messages(number, answer, name)
    trained = frozenset(
        index
        for index, message in enumerate(after, start=len(before))
        if message["role"] == ASSISTANT
    )
    if not trained:
        raise BadData(f"line {number}: `{name}` has no message of the assistant")
    return Conversation(number, before + after, asked.get("tools"), trained)


def _completed(number: int, record: dict[str, Any], answer: Any, name: str) -> Conversation:
    before = parse_messages(number, record.get("messages"))
    message = {"role": ASSISTANT, "content": _string(number, name, answer)}
    return Conversation(number, [*before, message], record.get("tools"), frozenset({len(before)}))


def _string(number: int, name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadData(f"line {number}: `{name}` must be a string that is not empty")
    return value
