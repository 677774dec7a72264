"""A record of the internal form, written as a line of any format that can say it.

Raises Problem for what the format has no words for, such as tools or an image in a list of turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from argosy.registry.datasets.formats import names
from argosy.registry.datasets.formats.names import FORMATS
from argosy.registry.intake.problems import Problem

Message = Mapping[str, Any]


def write(
    record: dict[str, Any], kind: str, format_name: str, notes: Mapping[str, Any] | None = None
) -> Any:
    """Return the value of a line; raises Problem."""
    if kind not in FORMATS[format_name].kinds:
        said = ", ".join(FORMATS[format_name].kinds)
        raise Problem("", f"the format {format_name} holds records of kind {said}, not {kind}")
    if format_name == names.OPENAI:
        return record
    return _WRITERS[format_name](record, dict(notes or {}))


def _prompt_response(record: dict[str, Any], _notes: dict[str, Any]) -> Any:
    return [
        turn | {"prompt": user, "response": [] if answer is None else [[answer]]}
        for turn, user, answer in _turns(record)
    ]


def _sorted(record: dict[str, Any], _notes: dict[str, Any]) -> Any:
    turns = [
        turn | {"prompt": user, "response": [] if answer is None else [[answer]]}
        for turn, user, answer in _turns(record)
    ]
    turns[-1]["response"] = [[response] for response in record.get("responses", [])]
    return turns


def _role(record: dict[str, Any], _notes: dict[str, Any]) -> Any:
    return [
        turn | {"user": user} | ({} if answer is None else {"assistant": answer})
        for turn, user, answer in _turns(record)
    ]


def _chosen_rejected(record: dict[str, Any], notes: dict[str, Any]) -> Any:
    turns = _role(record["input"], notes)
    for ours, theirs in (("chosen", "preferred_output"), ("rejected", "non_preferred_output")):
        if theirs in record:
            turns[-1][ours] = _only(record[theirs])
    return turns


def _kto(record: dict[str, Any], notes: dict[str, Any]) -> Any:
    turns = _role(record, notes)
    if "completion" in record:
        turns[-1]["chosen" if record["label"] else "rejected"] = record["completion"]
    return turns


def _prompt_set(record: dict[str, Any], _notes: dict[str, Any]) -> Any:
    turn, prompt = _single(record)
    rest = {k: v for k, v in record.items() if k != "messages"}
    return turn | {"prompt": prompt} | rest


def _text(record: dict[str, Any], _notes: dict[str, Any]) -> Any:
    return record["text"]


def _prompt_completion(record: dict[str, Any], notes: dict[str, Any]) -> Any:
    if "input" in record:
        turn, prompt = _single(record["input"])
        sides = {
            ours: _only(record[theirs])
            for ours, theirs in (
                ("chosen", "preferred_output"),
                ("rejected", "non_preferred_output"),
            )
            if theirs in record
        }
        return turn | {"prompt": prompt} | sides
    if "completion" in record:
        turn, prompt = _single(record)
        said = {"completion": record["completion"], "label": record["label"]}
        return turn | {"prompt": prompt} | said
    turns = _turns(record)
    if len(turns) != 1:
        raise Problem("messages", "has several turns; this format holds one")
    turn, prompt, answer = turns[0]
    label = {"label": notes["label"]} if "label" in notes else {}
    return turn | {"prompt": prompt} | ({} if answer is None else {"completion": answer}) | label


def _prompt_image(record: dict[str, Any], _notes: dict[str, Any]) -> Any:
    _, prompt = _single(record)
    if "image_path" not in record:
        raise Problem("", "has no image_path")
    return {"annotation": prompt, "image_path": record["image_path"]}


def _prompt_image_response(record: dict[str, Any], _notes: dict[str, Any]) -> Any:
    asked, answer = record["messages"] if len(record["messages"]) == 2 else ({}, {})
    parts = asked.get("content")
    if not isinstance(parts, list) or [p.get("type") for p in parts] != ["image_url", "text"]:
        raise Problem("messages", "is not one image, one question and one answer")
    return {
        "prompt": parts[1]["text"],
        "image_path": parts[0]["image_url"]["url"],
        "response": [[_content(answer)]],
    }


def _turns(record: Mapping[str, Any]) -> list[tuple[dict[str, Any], str, str | None]]:
    """Return each turn as its beginning (the system's message, or nothing), question, answer."""
    if record.get("tools") or record.get("functions"):
        raise Problem("tools", "cannot be said in this format; export as openai")
    messages = list(record["messages"])
    start: dict[str, Any] = {}
    if messages and messages[0]["role"] in {"system", "developer"}:
        start = {"system": _content(messages.pop(0))}
    found: list[tuple[dict[str, Any], str, str | None]] = []
    for message in messages:
        role = message["role"]
        if role == "user" and (not found or found[-1][2] is not None):
            found.append((start if not found else {}, _content(message), None))
        elif role == "assistant" and found and found[-1][2] is None:
            found[-1] = (*found[-1][:2], _content(message))
        else:
            raise Problem("messages", "do not alternate between user and assistant")
    if not found:
        raise Problem("messages", "has no user message")
    return found


def _single(record: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    turns = _turns(record)
    if len(turns) != 1 or turns[0][2] is not None:
        raise Problem("messages", "is not one question; this format holds one")
    return turns[0][0], turns[0][1]


def _only(side: Iterable[Message]) -> str:
    messages = list(side)
    if len(messages) != 1:
        raise Problem("", "an answer has several messages; export as openai")
    return _content(messages[0])


def _content(message: Message) -> str:
    content = message.get("content")
    extra = message.keys() - {"role", "content"}
    if not isinstance(content, str) or extra:
        raise Problem("messages", "has more than text in a message; export as openai")
    return content


_WRITERS: Final[Mapping[str, Callable[[dict[str, Any], dict[str, Any]], Any]]] = {
    names.PROMPT_RESPONSE: _prompt_response,
    names.SORTED_RESPONSES: _sorted,
    names.CHOSEN_REJECTED: _chosen_rejected,
    names.KTO: _kto,
    names.PROMPT_SET: _prompt_set,
    names.TEXT: _text,
    names.ROLE: _role,
    names.PROMPT_COMPLETION: _prompt_completion,
    names.PROMPT_IMAGE: _prompt_image,
    names.PROMPT_IMAGE_RESPONSE: _prompt_image_response,
}
