"""Formats whose line is a list of turns: prompt and response, user and assistant, chosen, rejected.

Two spellings of sorted responses exist: `[["best"], ["second"]]` and `[["best", "second"]]`. Both
are read; the first is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from argosy.api import records as kinds
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import at, non_empty_list, obj, only_keys, required, text

# Of a conversation longer than this the beginning is cut, after the system's message.
MAX_TURNS: Final = 150

_PROMPT_KEYS: Final = frozenset({"system", "prompt", "response"})
_USER_KEYS: Final = frozenset({"system", "user", "assistant", "chosen", "rejected"})


@dataclass(frozen=True, slots=True)
class Said:
    """What the turns say: a record of `kind`, maybe without its answer."""

    kind: str
    record: dict[str, Any]


def prompt_response(value: Any) -> Said:
    """Read `[{"prompt": …, "response": [["…"]]}, …]`."""
    messages: list[dict[str, Any]] = []
    turns = _turns(value)
    for index, turn in enumerate(turns):
        place = at("", index)
        only_keys(turn, _PROMPT_KEYS, place)
        messages += _system(turn, index, place)
        messages.append(_user(required(turn, "prompt", place), at(place, "prompt")))
        answers = _answers(turn.get("response"), at(place, "response"))
        last = index == len(turns) - 1
        if last and len(answers) > 1:
            return Said(kinds.RANKED, {"messages": _cut(messages), "responses": answers})
        if len(answers) > 1:
            raise Problem(at(place, "response"), "only the last turn may have several answers")
        if answers:
            messages.append(_assistant(answers[0]))
        elif not last:
            raise Problem(place, "has no response; only the last turn may lack it")
    return Said(kinds.DIALOGUE, {"messages": _cut(messages)})


def chosen_rejected(value: Any) -> Said:
    """Read `[{"user", "assistant"}, …, {"user", "chosen", "rejected"}]`."""
    messages, last, place = _history(value)
    record: dict[str, Any] = {"input": {"messages": messages}}
    for ours, theirs in (("chosen", "preferred_output"), ("rejected", "non_preferred_output")):
        if last.get(ours) is not None:
            record[theirs] = [_assistant(text(last[ours], at(place, ours)))]
    return Said(kinds.PREFERENCE, record)


def kto(value: Any) -> Said:
    """Read `[…, {"user", "chosen"}]` or `[…, {"user", "rejected"}]`."""
    messages, last, place = _history(value)
    side = "chosen" if "chosen" in last else "rejected"
    completion = text(required(last, side, place), at(place, side))
    record = {"messages": messages, "completion": completion, "label": side == "chosen"}
    return Said(kinds.UNPAIRED, record)


def role_turns(value: Any) -> Said:
    """Read `[{"system"}, {"user", "assistant"}, …]`, or a bare list of OpenAI's messages."""
    turns = _turns(value)
    if "role" in turns[0]:
        return Said(kinds.DIALOGUE, {"messages": turns})
    messages: list[dict[str, Any]] = []
    for index, turn in enumerate(turns):
        place = at("", index)
        only_keys(turn, {"system", "user", "assistant"}, place)
        messages += _system(turn, index, place)
        if index == 0 and turn.keys() == {"system"}:
            continue
        messages.append(_user(required(turn, "user", place), at(place, "user")))
        if turn.get("assistant") is not None:
            messages.append(_assistant(text(turn["assistant"], at(place, "assistant"))))
        elif index < len(turns) - 1:
            raise Problem(place, "has no assistant; only the last turn may lack it")
    return Said(kinds.DIALOGUE, {"messages": _cut(messages)})


def _history(value: Any) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """Return the messages up to the last question, the last turn, and its place."""
    messages: list[dict[str, Any]] = []
    turns = _turns(value)
    for index, turn in enumerate(turns):
        place = at("", index)
        only_keys(turn, _USER_KEYS, place)
        messages += _system(turn, index, place)
        if index == 0 and turn.keys() == {"system"} and len(turns) > 1:
            continue
        messages.append(_user(required(turn, "user", place), at(place, "user")))
        if index < len(turns) - 1:
            answer = required(turn, "assistant", place)
            messages.append(_assistant(text(answer, at(place, "assistant"))))
    return _cut(messages), turns[-1], at("", len(turns) - 1)


def _turns(value: Any) -> list[dict[str, Any]]:
    return [obj(turn, at("", i)) for i, turn in enumerate(non_empty_list(value, ""))]


def _answers(value: Any, where: str) -> list[str]:
    """Return the answers of a response, best first: a string, or lists of strings."""
    if value is None or value in ([], [[]]):
        return []
    if isinstance(value, str):
        return [value]
    found: list[str] = []
    for index, entry in enumerate(non_empty_list(value, where)):
        place = at(where, index)
        if isinstance(entry, str):
            found.append(entry)
        else:
            found += [text(e, at(place, i)) for i, e in enumerate(non_empty_list(entry, place))]
    # The platform writes an unanswered record as [[""]].
    return [] if found == [""] else found


def _system(turn: dict[str, Any], index: int, place: str) -> list[dict[str, Any]]:
    if turn.get("system") in (None, ""):
        return []
    if index:
        raise Problem(at(place, "system"), "may stand in the first turn only")
    return [{"role": "system", "content": text(turn["system"], at(place, "system"))}]


def _user(value: Any, where: str) -> dict[str, Any]:
    return {"role": "user", "content": text(value, where)}


def _assistant(answer: str) -> dict[str, Any]:
    return {"role": "assistant", "content": answer}


def _cut(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    start = 1 if messages[0]["role"] == "system" else 0
    extra = len(messages) - start - 2 * MAX_TURNS
    if extra <= 0:
        return messages
    # Whole turns: an answer must not lose its question.
    return messages[:start] + messages[start + extra + extra % 2 :]
