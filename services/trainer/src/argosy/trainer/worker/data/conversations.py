"""Reads OpenAI chat records into what a chat template takes.

Knows the record's form and what makes it unusable (each complaint names the line); it knows
nothing of files and of tokens. The registry's intake has judged the file before; this is the second
look, at the moment of use. Standard library only.
"""

from dataclasses import dataclass
from typing import Any

from argosy.trainer.worker.failures import BadData

ASSISTANT = "assistant"


@dataclass(frozen=True)
class Conversation:
    """`messages` and `tools` go to the chat template; `trained` holds indices of messages."""

    line: int
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    # The assistant's messages whose tokens count in the loss.
    trained: frozenset[int]


def parse_conversation(number: int, record: dict[str, Any]) -> Conversation:
    """A dialogue whose assistant's messages are learnt from, but for those of weight 0."""
    parsed = parse_messages(number, record.get("messages"))
    if parsed[0]["role"] == ASSISTANT:
        raise BadData(f"line {number}: messages[0] must not be the assistant's")
    trained = frozenset(
        index
        for index, (message, raw) in enumerate(zip(parsed, record["messages"], strict=True))
        if message["role"] == ASSISTANT and _weight(number, index, raw)
    )
    if not trained:
        raise BadData(f"line {number}: no assistant message to learn from (weight 1)")
    return Conversation(number, parsed, record.get("tools"), trained)


def parse_messages(number: int, messages: Any, name: str = "messages") -> list[dict[str, Any]]:
    """`name` is how a complaint calls the list."""
    if not isinstance(messages, list) or not messages:
        raise BadData(f"line {number}: `{name}` must be a list with at least one message")
    return [_message(f"line {number}: {name}[{index}]", raw) for index, raw in enumerate(messages)]


def _message(where: str, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict) or not isinstance(raw.get("role"), str):
        raise BadData(f"{where} must be an object with a `role`")
    message = {name: value for name, value in raw.items() if name != "weight"}
    message["content"] = _text(where, raw.get("content"))
    return message


def _text(where: str, content: Any) -> str:
    """Text parts become one string, since the templates of text models take only strings."""
    match content:
        case None:
            return ""
        case str():
            return content
        case list() if all(_is_text_part(part) for part in content):
            return "".join(str(part.get("text", "")) for part in content)
        case _:
            raise BadData(f"{where}.content must be a string or a list of text parts")


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text"


def _weight(number: int, index: int, raw: dict[str, Any]) -> bool:
    weight = raw.get("weight", 1)
    if weight not in (0, 1, None):
        raise BadData(f"line {number}: messages[{index}].weight must be 0 or 1")
    return bool(weight != 0)
