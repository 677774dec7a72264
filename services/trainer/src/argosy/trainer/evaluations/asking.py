"""Asks models through the gateway, as any client does, and judges what they answer.

Knows the API's shapes. Does not know which answers are missing or where they are kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from argosy.trainer.domain.evaluation.cases import Case
from argosy.trainer.domain.evaluation.distances import embedding_distance
from argosy.trainer.domain.evaluation.evaluation import Answer, Wish
from argosy.trainer.worker.failures import GatewayAway, GraderFailed
from argosy.trainer.worker.graders.build import build_grader
from argosy.trainer.worker.graders.gateway import Gateway
from argosy.trainer.worker.graders.grader import Grader, Sample

# A wish for no vectors, though there may be a model for them.
NO_VECTORS: Final = "none"
_LONGEST_ERROR: Final = 500
_EMBEDDING: Final = "embedding"
# Only for training.
_PRIVATE_KEYS: Final = frozenset({"weight"})


class Asker:
    """Asks on behalf of one evaluation; every method blocks, its making too.

    Raises `GraderFailed` for a judge that cannot be, `GatewayAway` if nobody answers.
    """

    def __init__(self, gateway: Gateway, wish: Wish) -> None:
        self._gateway = gateway
        self._wish = wish
        self._graders = _graders(wish, gateway)
        self._embedding = wish.embedding_model or _any_embedding_model(gateway)

    def answer(self, place: int, model: str, case: Case) -> Answer:
        """Return a model's answer with what the judges say of it, or why it is refused.

        Raises `GatewayAway`: then the same may be asked again.
        """
        body = {
            "model": model,
            "messages": [*self._system(), *map(_asked, case.messages)],
            "temperature": self._wish.temperature,
            "max_tokens": self._wish.max_completion_tokens,
            "seed": (self._wish.seed + case.line) % 2**31,
        }
        if tools := case.item.get("tools"):
            body["tools"] = tools
        began = time.monotonic()
        try:
            said = self._gateway.post("/chat/completions", body)
            text = _clean(str(said["choices"][0]["message"].get("content") or ""))
            seconds = time.monotonic() - began
            usage = said.get("usage") or {}
            return Answer(
                place,
                case.line,
                text,
                seconds=seconds,
                prompt_tokens=int(usage.get("prompt_tokens", 0)),
                completion_tokens=int(usage.get("completion_tokens", 0)),
                given=self._judged(case, text),
            )
        except GatewayAway:
            raise
        except GraderFailed as failure:
            return refused(place, case.line, failure)
        except (LookupError, TypeError, AttributeError, ValueError):
            return Answer(place, case.line, None, error="the gateway's answer is no completion")

    def _judged(self, case: Case, text: str) -> dict[str, float]:
        given: dict[str, float] = {}
        item = {**case.item, "question": case.question, "reference": case.reference or ""}
        for name, grader in self._graders.items():
            grade = grader.grade([Sample(text, item)])[0]
            if grade.error is None:
                given[name] = grade.score
        if self._embedding not in ("", NO_VECTORS) and case.reference is not None:
            try:
                given["embedding_distance"] = self._distance(text, case.reference)
            except GatewayAway:
                raise
            except GraderFailed:
                # Nobody asked for it by name: without it the rest still stands.
                if self._wish.embedding_model:
                    raise
        return given

    def _distance(self, text: str, reference: str) -> float:
        # No model makes a vector of nothing.
        if not text.strip() or not reference.strip():
            return float(text.strip() != reference.strip())
        body = {"model": self._embedding, "input": [text, reference], "encoding_format": "float"}
        one, other = (each["embedding"] for each in self._gateway.post("/embeddings", body)["data"])
        return embedding_distance(one, other)

    def _system(self) -> list[dict[str, Any]]:
        return [{"role": "system", "content": self._wish.system}] if self._wish.system else []


def refused(place: int, line: int, failure: GraderFailed) -> Answer:
    """Return what stands where there is no answer."""
    return Answer(place, line, None, error=_clean(failure.message)[:_LONGEST_ERROR])


def _graders(wish: Wish, gateway: Gateway) -> dict[str, Grader]:
    found: dict[str, Grader] = {}
    if wish.grader is not None:
        found["grader"] = build_grader(dict(wish.grader), gateway)
    if wish.judge is not None:
        found["judge"] = build_grader(wish.judge.grader(), gateway)
    return found


def _any_embedding_model(gateway: Gateway) -> str:
    """Return the first that there is; empty for none."""
    try:
        listed: Sequence[Mapping[str, Any]] = gateway.get("/models")["data"]
        kinds = {each["id"]: each.get("argosy", {}).get("kind") for each in listed}
    except GatewayAway:
        raise
    except (GraderFailed, LookupError, TypeError, AttributeError):
        return ""
    return next((name for name, kind in kinds.items() if kind == _EMBEDDING), "")


def _asked(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in _PRIVATE_KEYS}


def _clean(text: str) -> str:
    """Leave out what a database does not take as text."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
