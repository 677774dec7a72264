"""Where the texts of a record are, and how a record is rebuilt with other texts.

Knows the forms of records. Does not know what is done to a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Record = dict[str, Any]
Rewrite = Callable[[str], str]

ASSISTANT: Final = "assistant"

# Values that are names and not texts; the form of a record hangs on them.
_NAMES: Final = frozenset({"role", "type", "id", "tool_call_id", "name"})
_MESSAGES: Final = ("messages", "preferred_output", "non_preferred_output")


def texts(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a record in the order in which they are read."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    rewritten(record, note)
    yield from found


def whole_text(record: Mapping[str, Any]) -> str:
    """Return all texts of a record, one a line."""
    return "\n".join(texts(record))


def question(record: Mapping[str, Any]) -> str:
    """Return what is asked: the texts before the last answer, or the whole text."""
    if "text" in record and "messages" not in record:
        return str(record["text"])
    messages = asked(record)
    return "\n".join(content_text(message) for message in messages)


def asked(record: Mapping[str, Any]) -> list[Record]:
    """Return the messages before the answer that is learned."""
    given = record.get("input", record)
    messages = list(given.get("messages", ()))
    if not other_answers(record) and messages and messages[-1].get("role") == ASSISTANT:
        messages.pop()
    return messages


def answers(record: Mapping[str, Any]) -> list[str]:
    """Return the answers that are learned from, best first; none where nothing is answered."""
    if found := other_answers(record):
        return found
    messages = record.get("messages") or [{}]
    last = messages[-1]
    return [content_text(last)] if last.get("role") == ASSISTANT else []


def other_answers(record: Mapping[str, Any]) -> list[str]:
    """Return the answers that do not stand among the messages."""
    if "preferred_output" in record:
        sides = (record["preferred_output"], record["non_preferred_output"])
        return ["\n".join(content_text(message) for message in side) for side in sides]
    if "responses" in record:
        return [str(response) for response in record["responses"]]
    if "completion" in record:
        return [str(record["completion"])]
    return []


def content_text(message: Mapping[str, Any]) -> str:
    """Return a message's text; parts that are no text are passed over."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def rewritten(record: Mapping[str, Any], rewrite: Rewrite) -> Record:
    """Return the record with every text rewritten; names, tools and calls stay as they are."""
    new = dict(record)
    if isinstance(given := record.get("input"), Mapping):
        new["input"] = rewritten(given, rewrite)
    for key in _MESSAGES:
        if isinstance(messages := record.get(key), list):
            new[key] = [_message(message, rewrite) for message in messages]
    for key in ("completion", "text"):
        if isinstance(text := record.get(key), str):
            new[key] = rewrite(text)
    if isinstance(responses := record.get("responses"), list):
        new["responses"] = [rewrite(text) for text in responses]
    return new


def rewritten_everywhere(value: Any, rewrite: Rewrite, *, key: str = "") -> Any:
    """Return a copy with every string rewritten, those of tool calls and graders' items too.

    Only names stay. For what must leave no trace.
    """
    match value:
        case str():
            return value if key in _NAMES else rewrite(value)
        case list():
            return [rewritten_everywhere(each, rewrite) for each in value]
        case dict():
            return {k: rewritten_everywhere(v, rewrite, key=k) for k, v in value.items()}
        case _:
            return value


def _message(message: Record, rewrite: Rewrite) -> Record:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": rewrite(content)}
    if isinstance(content, list):
        return {**message, "content": [_part(part, rewrite) for part in content]}
    return message


def _part(part: Record, rewrite: Rewrite) -> Record:
    text = part.get("text")
    return {**part, "text": rewrite(text)} if isinstance(text, str) else part
