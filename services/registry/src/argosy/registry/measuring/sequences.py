"""What a record is to a model: the texts whose tokens are counted.

The same cut as the trainer's child makes (`trainer/worker/tokens.py`): a conversation is rendered
by the model's template and cut at the borders of its answers, each piece is tokenized by itself,
and what follows the last answer to learn from is left out. Knows the forms of
`argosy.api.records`; does not know tokens.

A record of several answers is several sequences: the two sides of a preference, each response of
a ranking. Of prompts only what is asked can be counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from argosy.registry.measuring.chat_template import ChatTemplate, Refused

ASSISTANT: Final = "assistant"

Message = Mapping[str, Any]
Pieces = list[str]


@dataclass(frozen=True)
class Talk:
    """A conversation; `trained` are the indices of the answers that count in the loss."""

    messages: Sequence[Message]
    trained: Sequence[int]
    tools: Sequence[Mapping[str, Any]] | None = field(default=None)


def sequences(record: Mapping[str, Any], template: ChatTemplate | None) -> Iterator[Pieces]:
    """Yield the pieces of each sequence of `record`; raises Refused."""
    if is_text(record):
        yield [record["text"]]
        return
    if template is None:
        raise Refused("this model has no chat template, so it learns from texts only")
    for talk in talks(record):
        yield list(pieces(talk, template)) if talk.trained else [_asked(talk, template)]


def is_text(record: Mapping[str, Any]) -> bool:
    """Tell whether the record is a bare text."""
    return "messages" not in record and isinstance(record.get("text"), str)


def talks(record: Mapping[str, Any]) -> Iterator[Talk]:
    """Yield the conversations of a record that is not a text; raises Refused."""
    if "preferred_output" in record:
        given = record.get("input")
        if not isinstance(given, Mapping):
            raise Refused("`input` must be an object")
        asked, tools = _messages(given.get("messages")), given.get("tools")
        for side in ("preferred_output", "non_preferred_output"):
            yield _continued(asked, _messages(record.get(side)), tools)
        return
    asked, tools = _messages(record.get("messages")), record.get("tools")
    if "responses" in record:
        for response in record["responses"]:
            yield _continued(asked, [{"role": ASSISTANT, "content": response}], tools)
    elif "completion" in record:
        answer = {"role": ASSISTANT, "content": record["completion"]}
        yield _continued(asked, [answer], tools)
    else:
        raw = record["messages"]
        trained = [i for i, m in enumerate(asked) if _learnable(m, raw[i])]
        yield Talk(asked, trained, tools)


def pieces(talk: Talk, template: ChatTemplate) -> Iterator[str]:
    """Yield the rendered conversation in pieces up to the end of its last trained answer."""
    whole = _render(talk, template, len(talk.messages))
    done = 0
    for index in talk.trained:
        start, end = _span(talk, template, index, whole)
        yield from (piece for piece in (whole[done:start], whole[start:end]) if piece)
        done = end


def _span(talk: Talk, template: ChatTemplate, index: int, whole: str) -> tuple[int, int]:
    """Return where in `whole` an answer stands, with the token that ends it."""
    before = _render(talk, template, index)
    asked = _render(talk, template, index, add_generation_prompt=True)
    until = whole if index + 1 == len(talk.messages) else _render(talk, template, index + 1)
    if not (whole.startswith(before) and whole.startswith(until)):
        raise Refused(
            "this model's chat template rewrites earlier turns; give each answer a record of its "
            "own"
        )
    start = _shared(asked, until)
    mark = template.eos_token
    found = until.rfind(mark, start) if mark else -1
    return start, found + len(mark) if found >= 0 else len(until)


def _render(talk: Talk, template: ChatTemplate, count: int, **options: bool) -> str:
    if count == 0:
        return ""
    return template.render(talk.messages[:count], talk.tools, **options)


def _asked(talk: Talk, template: ChatTemplate) -> str:
    return _render(talk, template, len(talk.messages), add_generation_prompt=True)


def _shared(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    if other.startswith(one):
        return len(one)
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _continued(asked: list[Message], answer: list[Message], tools: Any) -> Talk:
    messages = [*asked, *answer]
    indices = range(len(asked), len(messages))
    return Talk(messages, [i for i in indices if messages[i]["role"] == ASSISTANT], tools)


def _learnable(message: Message, raw: Message) -> bool:
    return bool(message["role"] == ASSISTANT and raw.get("weight", 1) != 0)


def _messages(value: Any) -> list[Message]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise Refused("`messages` must be a list with at least one message")
    return [_message(index, raw) for index, raw in enumerate(value)]


def _message(index: int, raw: Any) -> Message:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("role"), str):
        raise Refused(f"messages[{index}] must be an object with a `role`")
    message = {name: value for name, value in raw.items() if name != "weight"}
    message["content"] = text_of(raw.get("content"))
    return message


def text_of(content: Any) -> str:
    """Return a message's content as one string; raises Refused for parts that are not text."""
    match content:
        case None:
            return ""
        case str():
            return content
        case list() if all(isinstance(p, Mapping) and p.get("type") == "text" for p in content):
            return "".join(str(part.get("text", "")) for part in content)
        case _:
            raise Refused("a message's content must be a string or a list of text parts")
