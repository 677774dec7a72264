"""Graders: judged before they are used, and tried on one answer.

Knows OpenAI's form through the child's own graders, so that what is tried here is what a run uses.
Does not know training.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from argosy.kit.errors import InvalidRequest
from argosy.trainer.worker.failures import GraderFailed
from argosy.trainer.worker.graders.build import build_grader
from argosy.trainer.worker.graders.gateway import Gateway
from argosy.trainer.worker.graders.grader import Grade, Grader, Grades, Sample
from argosy.trainer.worker.graders.multi import MultiGrader

MAX_BYTES: Final = 256 * 1024
MAX_PARTS: Final = 32
# Each python grader is a process of its own.
_AT_ONCE: Final = 2
_FIELD: Final = re.compile(r"grader(?:\.[A-Za-z_]+)+")

# Gives a gateway to ask on behalf of a project.
GatewayOf = Callable[[str], Awaitable[Gateway]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`error` says why the answer could not be judged; the reward is 0 then."""

    reward: float
    seconds: float
    error: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Given:
    """A part that was judged already."""

    grades: Grades

    def grade(self, samples: object) -> Grades:
        return self.grades


def check_grader(raw: Mapping[str, Any], place: str) -> None:
    """Raises `InvalidRequest` that names the field; `place` is where the grader stands."""
    if len(json.dumps(raw)) > MAX_BYTES:
        raise InvalidRequest(
            f"'{place}' is larger than {MAX_BYTES} bytes. Shorten it.", param=place
        )
    if _parts(raw) > MAX_PARTS:
        raise InvalidRequest(
            f"'{place}' has more than {MAX_PARTS} graders. Leave some out.", param=place
        )
    # Nothing is asked here: any gateway will do.
    _built(raw, Gateway("http://127.0.0.1", ""), place)


def asks_model(raw: Mapping[str, Any]) -> bool:
    """Tell whether a grader asks a served model."""
    if raw.get("type") == "score_model":
        return True
    return any(asks_model(part) for part in _graders(raw))


class TryGrader:
    """The use case behind `graders.run`."""

    def __init__(self, gateway_of: GatewayOf) -> None:
        self._gateway_of = gateway_of
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def __call__(
        self, project_id: str, raw: Mapping[str, Any], text: str, item: Mapping[str, Any]
    ) -> Judgement:
        """Judge one answer. Raises `InvalidRequest` for a grader that cannot be."""
        check_grader(raw, "grader")
        gateway = await self._gateway_of(project_id) if asks_model(raw) else None
        grader = _built(raw, gateway, "grader")
        sample = Sample(text, dict(item))
        async with self._turns:
            began = time.monotonic()
            grade, parts = await asyncio.to_thread(_judge, grader, sample)
            seconds = time.monotonic() - began
        return Judgement(
            grade.score,
            seconds,
            grade.error or "",
            {name: part.score for name, part in parts.items()},
        )


def _judge(grader: Grader, sample: Sample) -> tuple[Grade, dict[str, Grade]]:
    """Judge the parts of a multi grader once, then the whole of them."""
    parts: dict[str, Grade] = {}
    if isinstance(grader, MultiGrader):
        parts = {name: part.grade([sample])[0] for name, part in grader.graders.items()}
        given: dict[str, Grader] = {name: _Given([grade]) for name, grade in parts.items()}
        grader = MultiGrader(given, grader.formula)
    return grader.grade([sample])[0], parts


def _built(raw: Mapping[str, Any], gateway: Gateway | None, place: str) -> Grader:
    try:
        return build_grader(dict(raw), gateway)
    except GraderFailed as failure:
        found = _FIELD.match(failure.message)
        param = place + (found[0].removeprefix("grader") if found else "")
        message = failure.message.replace("grader.", f"{place}.", 1) if found else failure.message
        raise InvalidRequest(f"{message}.", param=param, code="invalid_grader") from failure
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        # The form is OpenAI's; what does not have it fails somewhere on the way.
        raise InvalidRequest(
            f"'{place}' does not have the form of a grader of type {raw.get('type')!r}. "
            "See OpenAI's API reference of graders.",
            param=place,
            code="invalid_grader",
        ) from error


def _parts(raw: Mapping[str, Any]) -> int:
    return 1 + sum(_parts(part) for part in _graders(raw))


def _graders(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    graders = raw.get("graders")
    found = graders.values() if isinstance(graders, dict) else graders
    return [each for each in found or () if isinstance(each, dict)]
