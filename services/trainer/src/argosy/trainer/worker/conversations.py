"""Reads OpenAI chat JSONL, a line at a time, into what a chat template takes.

Knows the file's form and what makes a line unusable (each complaint names the line); it knows
nothing of tokens. The registry's intake has judged the file before; this is the second look, at
the moment of use. Standard library only.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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


def read_conversations(path: Path) -> Iterator[Conversation]:
    """Lines count from 1; blank lines are skipped. Raises BadData."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield parse_line(number, line)


def parse_line(number: int, line: bytes) -> Conversation:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise BadData(f"line {number}: not a JSON object: {error}") from None
    messages = record.get("messages") if isinstance(record, dict) else None
    if not isinstance(messages, list) or not messages:
        raise BadData(f"line {number}: `messages` must be a list with at least one message")
    parsed = [_message(number, index, raw) for index, raw in enumerate(messages)]
    if parsed[0]["role"] == ASSISTANT:
        raise BadData(f"line {number}: messages[0] must not be the assistant's")
    trained = frozenset(
        index
        for index, (message, raw) in enumerate(zip(parsed, messages, strict=True))
        if message["role"] == ASSISTANT and _weight(number, index, raw)
    )
    if not trained:
        raise BadData(f"line {number}: no assistant message to learn from (weight 1)")
    return Conversation(number, parsed, record.get("tools"), trained)


def _message(number: int, index: int, raw: Any) -> dict[str, Any]:
    where = f"line {number}: messages[{index}]"
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
        case list() if all(
            isinstance(part, dict) and part.get("type") == "text" for part in content
        ):
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
