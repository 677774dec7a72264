"""`{{ item.key }}` and `{{ sample.output_text }}` in the texts of a grader."""

import json
import re
from typing import Any

from argosy.trainer.worker.graders.grader import Sample

_SLOT = re.compile(r"\{\{\s*(item|sample)((?:\.[\w-]+|\[\d+\])*)\s*\}\}")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")


class NoSuchSlot(ValueError):
    """The template names what the record or the answer does not have."""


def fill(template: str, sample: Sample) -> str:
    """Raises NoSuchSlot."""
    return _SLOT.sub(lambda slot: _text(_value(slot[1], slot[2], sample)), template)


def _value(root: str, path: str, sample: Sample) -> Any:
    value: Any = sample.item if root == "item" else _answer(path, sample)
    for name, index in _STEP.findall(path):
        try:
            value = value[name] if name else value[int(index)]
        except (KeyError, IndexError, TypeError) as error:
            raise NoSuchSlot(f"the record has no {{{{ {root}{path} }}}}") from error
    return value


def _answer(path: str, sample: Sample) -> dict[str, Any]:
    answer: dict[str, Any] = {"output_text": sample.text}
    if path.startswith(".output_json"):
        try:
            answer["output_json"] = json.loads(sample.text)
        except ValueError as error:
            raise NoSuchSlot("the answer is no JSON") from error
    return answer


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
