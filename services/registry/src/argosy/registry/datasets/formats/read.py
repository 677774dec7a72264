"""One line of any format, brought to the internal form.

What a line is, its own shape tells (`detect`); what the data set holds decides what a question
without an answer is. Raises Problem, which names the place and the rule and never the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from argosy.api import records as kinds
from argosy.registry.datasets.formats import names
from argosy.registry.datasets.formats.turns import (
    chosen_rejected,
    kto,
    prompt_response,
    role_turns,
)
from argosy.registry.intake import tuning_records
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import obj, only_keys, required, text

_IMAGE_KEYS: Final = frozenset({"annotation", "prompt", "response", "image_path"})


@dataclass(frozen=True, slots=True)
class Reading:
    """A line in the internal form. `notes` has what the form has no place for."""

    kind: str
    record: dict[str, Any]
    answered: bool
    notes: dict[str, Any] = field(default_factory=dict)


def detect(value: Any) -> str:
    """Return the name of the format whose shape `value` has; raises Problem."""
    if isinstance(value, str):
        return names.TEXT
    if isinstance(value, list):
        return _detect_turns(value)
    record = obj(value, "")
    if "image_path" in record and "messages" not in record:
        return names.PROMPT_IMAGE_RESPONSE if "response" in record else names.PROMPT_IMAGE
    if "messages" in record or "input" in record:
        return names.OPENAI
    if "prompt" in record:
        answers = {"completion", "response", "chosen", "rejected"} & record.keys()
        return names.PROMPT_COMPLETION if answers else names.PROMPT_SET
    return names.TEXT if "text" in record else names.OPENAI


def read(value: Any, format_name: str = "") -> Reading:
    """Return what a line says, in the format of that name or the one that its shape tells."""
    name = format_name or detect(value)
    reading = _READERS[name](value)
    answered = tuning_records.judge(reading.record, reading.kind, answered=False)
    return Reading(reading.kind, reading.record, answered, reading.notes)


def fit(reading: Reading, kind: str) -> Reading:
    """Return the reading as a record of `kind`, the data set's; raises Problem if it is none.

    A question alone is a record of any kind that waits for its answer.
    """
    if reading.kind == kind:
        return reading
    asks_only = (
        not reading.answered
        if reading.kind == kinds.DIALOGUE
        else reading.kind == kinds.PROMPTS and reading.record.keys() <= tuning_records.CHAT_KEYS
    )
    if asks_only and kind == kinds.PREFERENCE:
        return Reading(kind, {"input": reading.record}, answered=False, notes=reading.notes)
    if asks_only and kind in {kinds.DIALOGUE, kinds.RANKED, kinds.UNPAIRED}:
        record = {k: v for k, v in reading.record.items() if k in {"messages", "tools"}}
        return Reading(kind, record, answered=False, notes=reading.notes)
    if reading.kind == kinds.DIALOGUE and not reading.answered and kind == kinds.PROMPTS:
        tuning_records.judge(reading.record, kind)
        return Reading(kind, reading.record, answered=True, notes=reading.notes)
    raise Problem("", f"is a record of kind {reading.kind}; the data set holds kind {kind}")


def _detect_turns(value: list[Any]) -> str:
    if not value or not isinstance(value[-1], dict) or not isinstance(value[0], dict):
        raise Problem("", "must be a non-empty list of objects, one a turn")
    first, last = value[0], value[-1]
    if "role" in first:
        return names.ROLE
    if "prompt" in first:
        if len(value) == 1 and "response" not in first:
            return names.PROMPT_SET
        return names.SORTED_RESPONSES if _is_sorted(last.get("response")) else names.PROMPT_RESPONSE
    if "chosen" in last and "rejected" in last:
        return names.CHOSEN_REJECTED
    return names.KTO if "chosen" in last or "rejected" in last else names.ROLE


def _is_sorted(response: Any) -> bool:
    if not isinstance(response, list):
        return False
    return len(response) > 1 or bool(
        response and isinstance(response[0], list) and len(response[0]) > 1
    )


def _openai(value: Any) -> Reading:
    record = obj(value, "")
    return Reading(tuning_records.kind_of(record), record, answered=False)


def _text(value: Any) -> Reading:
    if isinstance(value, str):
        value = {"text": value}
    return Reading(kinds.TEXT, obj(value, ""), answered=True)


def _prompt_set(value: Any) -> Reading:
    if isinstance(value, list):
        if len(value) != 1:
            raise Problem("", "a prompt in list form is a list of one object")
        value = value[0]
    record = obj(value, "")
    prompt = text(required(record, "prompt", "the record"), "prompt")
    rest = {k: v for k, v in record.items() if k not in {"prompt", "system"}}
    if "messages" in rest:
        raise Problem("", "may have prompt or messages, not both")
    return Reading(kinds.PROMPTS, {"messages": _asked(record, prompt)} | rest, answered=True)


def _prompt_completion(value: Any) -> Reading:
    record = obj(value, "")
    only_keys(
        record,
        {"system", "prompt", "completion", "response", "chosen", "rejected", "label"},
        "the record",
    )
    messages = _asked(record, text(required(record, "prompt", "the record"), "prompt"))
    if "chosen" in record or "rejected" in record:
        sides = {"chosen": "preferred_output", "rejected": "non_preferred_output"}
        preference: dict[str, Any] = {"input": {"messages": messages}}
        for ours, theirs in sides.items():
            if record.get(ours) is not None:
                preference[theirs] = [_said(text(record[ours], ours))]
        return Reading(kinds.PREFERENCE, preference, answered=False)
    completion = record.get("completion", record.get("response"))
    if isinstance(completion, list):
        turn = {k: record[k] for k in ("system", "prompt") if k in record}
        said = prompt_response([turn | {"response": completion}])
        return Reading(said.kind, said.record, answered=False)
    label = record.get("label")
    if completion is None or completion == "":
        return Reading(kinds.PROMPTS, {"messages": messages}, answered=True)
    answer = text(completion, "completion")
    if isinstance(label, bool):
        unpaired = {"messages": messages, "completion": answer, "label": label}
        return Reading(kinds.UNPAIRED, unpaired, answered=True)
    notes = {} if label is None else {"label": label}
    return Reading(
        kinds.DIALOGUE, {"messages": [*messages, _said(answer)]}, answered=True, notes=notes
    )


def _prompt_image(value: Any) -> Reading:
    record = obj(value, "")
    only_keys(record, _IMAGE_KEYS, "the record")
    prompt = text(record.get("annotation", record.get("prompt")), "annotation")
    path = text(required(record, "image_path", "the record"), "image_path")
    said = {"messages": [{"role": "user", "content": prompt}], "image_path": path}
    return Reading(kinds.PROMPTS, said, answered=True)


def _prompt_image_response(value: Any) -> Reading:
    record = obj(value, "")
    only_keys(record, _IMAGE_KEYS, "the record")
    image = {"url": text(required(record, "image_path", "the record"), "image_path")}
    content = [
        {"type": "image_url", "image_url": image},
        {"type": "text", "text": text(required(record, "prompt", "the record"), "prompt")},
    ]
    turn = prompt_response([{"prompt": record["prompt"], "response": record["response"]}])
    answer = turn.record["messages"][-1]
    said = {"messages": [{"role": "user", "content": content}, answer]}
    return Reading(kinds.DIALOGUE, said, answered=True)


def _turns(reader: Callable[[Any], Any]) -> Callable[[Any], Reading]:
    def read_turns(value: Any) -> Reading:
        said = reader(value)
        return Reading(said.kind, said.record, answered=False)

    return read_turns


def _asked(record: Mapping[str, Any], prompt: str) -> list[dict[str, Any]]:
    system = record.get("system")
    start = [] if system in (None, "") else [{"role": "system", "content": text(system, "system")}]
    return [*start, {"role": "user", "content": prompt}]


def _said(answer: str) -> dict[str, Any]:
    return {"role": "assistant", "content": answer}


_READERS: Final[Mapping[str, Callable[[Any], Reading]]] = {
    names.OPENAI: _openai,
    names.PROMPT_RESPONSE: _turns(prompt_response),
    names.SORTED_RESPONSES: _turns(prompt_response),
    names.CHOSEN_REJECTED: _turns(chosen_rejected),
    names.KTO: _turns(kto),
    names.PROMPT_SET: _prompt_set,
    names.TEXT: _text,
    names.ROLE: _turns(role_turns),
    names.PROMPT_COMPLETION: _prompt_completion,
    names.PROMPT_IMAGE: _prompt_image,
    names.PROMPT_IMAGE_RESPONSE: _prompt_image_response,
}
