"""Tuning records of each kind of `argosy.api.records`: which kind one is, and whether it holds.

Knows single records. Does not know files or data sets: whether records of one file are alike is
`intake.records`' to say, and whether an answer may be missing is the caller's.
"""

from __future__ import annotations

from typing import Any, Final

from argosy.api import records as kinds
from argosy.registry.intake.messages import Conversation, judge_messages, judge_tools
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import (
    at,
    boolean,
    non_empty_list,
    obj,
    one_of,
    only_keys,
    required,
    text,
)

CHAT_KEYS: Final = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
MAX_RESPONSES: Final = 64
_RECORD: Final = "the record"


def kind_of(record: dict[str, Any]) -> str:
    """Return the kind that a record's keys tell; what is wrong with it is `judge`'s to say."""
    if "preferred_output" in record or "non_preferred_output" in record or "input" in record:
        return kinds.PREFERENCE
    if "text" in record and "messages" not in record:
        return kinds.TEXT
    if "responses" in record:
        return kinds.RANKED
    if "completion" in record and "label" in record:
        return kinds.UNPAIRED
    return kinds.DIALOGUE if _has_an_answer(record) else kinds.PROMPTS


def judge(record: dict[str, Any], kind: str, *, answered: bool = True) -> bool:
    """Raise Problem if `record` is none of `kind`; tell whether it has its answer.

    With `answered` a missing answer is a Problem.
    """
    complete = _JUDGES[kind](record)
    if answered and complete is not None:
        raise complete
    return complete is None


def _has_an_answer(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        return True
    roles = [m.get("role") for m in messages if isinstance(m, dict)]
    if record.keys() <= CHAT_KEYS:
        return "assistant" in roles
    # Further keys feed a grader: then a conversation that ends with the user is a prompt, and its
    # answers are examples.
    return bool(roles) and roles[-1] != "user" and "assistant" in roles


def _dialogue(record: dict[str, Any]) -> Problem | None:
    talk = _conversation(record)
    if talk.learnable:
        return None
    if talk.answers and talk.last_role == "assistant":
        raise Problem("messages", "every assistant message has weight 0: nothing to learn")
    return Problem("messages", "has no assistant message: nothing to learn from")


def _prompts(record: dict[str, Any]) -> Problem | None:
    if _conversation(record).last_role == "assistant":
        raise Problem("messages", "a prompt must not end with an assistant message")
    return None


def _preference(record: dict[str, Any]) -> Problem | None:
    only_keys(record, {"input", "preferred_output", "non_preferred_output"}, _RECORD)
    given = obj(required(record, "input", _RECORD), "input")
    only_keys(given, CHAT_KEYS, "input")
    talk = judge_messages(required(given, "messages", "input"), "input.messages")
    judge_tools(given)
    if talk.last_role == "assistant":
        raise Problem("input.messages", "must not end with an assistant message")
    missing = None
    for key in ("preferred_output", "non_preferred_output"):
        if key in record:
            _judge_side(record[key], key)
        else:
            missing = missing or Problem(_RECORD, f"has no {key}")
    return missing


def _judge_side(value: Any, key: str) -> None:
    answers = non_empty_list(value, key)
    for index, answer in enumerate(answers):
        role = obj(answer, at(key, index)).get("role")
        one_of(role, ("assistant", "tool"), at(at(key, index), "role"))
    if judge_messages(answers, key).last_role != "assistant":
        raise Problem(key, "must end with an assistant message")


def _unpaired(record: dict[str, Any]) -> Problem | None:
    only_keys(record, {"messages", "tools", "completion", "label"}, _RECORD)
    _open_question(record)
    if "completion" not in record:
        return Problem(_RECORD, "has no completion")
    text(record["completion"], "completion")
    if "label" not in record:
        return Problem(_RECORD, "has no label")
    boolean(record["label"], "label")
    return None


def _ranked(record: dict[str, Any]) -> Problem | None:
    only_keys(record, {"messages", "tools", "responses"}, _RECORD)
    _open_question(record)
    responses = record.get("responses", [])
    if not isinstance(responses, list) or len(responses) > MAX_RESPONSES:
        raise Problem("responses", f"must be a list of 2 to {MAX_RESPONSES} strings, best first")
    for index, response in enumerate(responses):
        text(response, at("responses", index))
    if len(responses) < 2:
        return Problem("responses", "must have at least two answers, best first")
    return None


def _text(record: dict[str, Any]) -> Problem | None:
    only_keys(record, {"text"}, _RECORD)
    if not text(required(record, "text", _RECORD), "text").strip():
        raise Problem("text", "is empty")
    return None


def _open_question(record: dict[str, Any]) -> None:
    if _conversation(record).last_role == "assistant":
        raise Problem("messages", "must not end with an assistant message")


def _conversation(record: dict[str, Any]) -> Conversation:
    talk = judge_messages(required(record, "messages", _RECORD), "messages")
    judge_tools(record)
    return talk


_JUDGES: Final = {
    kinds.DIALOGUE: _dialogue,
    kinds.PREFERENCE: _preference,
    kinds.UNPAIRED: _unpaired,
    kinds.RANKED: _ranked,
    kinds.PROMPTS: _prompts,
    kinds.TEXT: _text,
}
