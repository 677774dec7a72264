"""What an annotation makes of a record: its answer, its ranking, its pair.

Knows the kinds' forms. Does not know who annotates or where records lie.

    dialogue    {"answer": "…"}
    preference  {"chosen": "…", "rejected"?: "…"}
    unpaired    {"answer"?: "…", "label": true | false}
    ranked      {"ranking": ["best", "second", …]}
    prompts     {"record": {…}}
    any kind    {"record": {…}} the whole record, or {"accept": true} for the draft as it is

`milliseconds` beside it is the time that the person took.
"""

from __future__ import annotations

from typing import Annotated, Any

from argosy.api import records as kinds
from argosy.kit.errors import Conflict, InvalidRequest
from argosy.registry.datasets.parameters import Parameters
from argosy.registry.datasets.sets import RecordStatus
from argosy.registry.intake import tuning_records
from argosy.registry.intake.problems import Problem
from pydantic import Field

_Text = Annotated[str, Field(min_length=1)]


class Annotation(Parameters):
    """What an annotator says of one record."""

    answer: _Text | None = None
    chosen: _Text | None = None
    rejected: _Text | None = None
    label: bool | None = None
    ranking: Annotated[list[_Text], Field(min_length=2, max_length=64)] | None = None
    record: dict[str, Any] | None = None
    accept: bool = False
    annotator: Annotated[str, Field(max_length=128)] = ""
    milliseconds: Annotated[int, Field(ge=0, le=86_400_000)] = 0


def annotate(
    record: dict[str, Any], kind: str, status: RecordStatus, said: Annotation
) -> tuple[dict[str, Any], RecordStatus]:
    """Return the record with what is said of it, and its status.

    Raises Conflict for accepting what is no draft, InvalidRequest for what breaks a rule.
    """
    if said.accept:
        if status is not RecordStatus.DRAFT:
            raise Conflict(
                f"The record is {status.value}, not a draft: there is nothing to accept.",
                param="accept",
                code="not_a_draft",
            )
        return record, RecordStatus.ACCEPTED
    changed = _said(record, kind, said)
    try:
        tuning_records.judge(changed, kind)
    except Problem as problem:
        raise InvalidRequest(f"{problem}.", param="annotation", code="invalid_record") from None
    same = status is RecordStatus.DRAFT and changed == record
    return changed, RecordStatus.ACCEPTED if same else RecordStatus.EDITED


def _said(record: dict[str, Any], kind: str, said: Annotation) -> dict[str, Any]:
    if said.record is not None:
        return said.record
    if kind == kinds.DIALOGUE and said.answer is not None:
        return {**record, "messages": [*_question(record), _message(said.answer)]}
    if kind == kinds.UNPAIRED and said.label is not None:
        completion = said.answer if said.answer is not None else record.get("completion")
        return {**record, "completion": completion, "label": said.label}
    if kind == kinds.PREFERENCE and (said.chosen or said.rejected):
        sides = {"preferred_output": said.chosen, "non_preferred_output": said.rejected}
        return record | {k: [_message(v)] for k, v in sides.items() if v is not None}
    if kind == kinds.RANKED and said.ranking is not None:
        return {**record, "responses": said.ranking}
    raise InvalidRequest(
        f"The annotation does not fit a record of kind {kind}. Send {_NEEDED.get(kind, 'record')}.",
        param="annotation",
        code="invalid_annotation",
    )


def _question(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages up to the last question: an answer that is there is replaced."""
    messages = list(record["messages"])
    while messages and messages[-1]["role"] == "assistant":
        messages.pop()
    return messages


def _message(answer: str) -> dict[str, Any]:
    return {"role": "assistant", "content": answer}


_NEEDED = {
    kinds.DIALOGUE: "answer",
    kinds.PREFERENCE: "chosen, rejected or both",
    kinds.UNPAIRED: "label, and answer if the record has none",
    kinds.RANKED: "ranking",
}
