"""Training files of every kind of record, and what to ask for with each method."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from argosy.api import records

_ASK: Final = [{"role": "user", "content": "Where does the ship go?"}]
_ANSWER: Final = {"role": "assistant", "content": "To Lisbon."}
_WORSE: Final = {"role": "assistant", "content": "No idea."}

RECORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    records.DIALOGUE: {"messages": [*_ASK, _ANSWER]},
    records.PREFERENCE: {
        "input": {"messages": _ASK},
        "preferred_output": [_ANSWER],
        "non_preferred_output": [_WORSE],
    },
    records.UNPAIRED: {"messages": _ASK, "completion": "To Lisbon.", "label": True},
    records.RANKED: {"messages": _ASK, "responses": ["To Lisbon.", "No idea."]},
    records.PROMPTS: {"messages": _ASK, "port": "Lisbon"},
    records.TEXT: {"text": "A ship sails from port to port."},
}

GRADER: Final = {
    "type": "string_check",
    "name": "port",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.port }}",
    "operation": "ilike",
}


def lines(kind: str, count: int = 20) -> bytes:
    """Return a file of `count` records of one kind."""
    return (json.dumps(RECORDS[kind]) + "\n").encode() * count
