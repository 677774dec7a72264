"""`/v1/fine_tuning/alpha/graders`: graders validated and tried on an answer, by the trainer."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from argosy.api.trainer.v1.graders_pb2 import RunGraderRequest, RunGraderResponse
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.graders import GraderClient
from litestar import Controller, Request, post
from msgspec import Meta, Struct

_MOST_CHARACTERS: Final = 1_000_000

# OpenAI's flags of what went wrong; the trainer's words tell which.
_ERRORS: Final = (
    "formula_parse_error", "invalid_variable_error", "model_grader_parse_error",
    "model_grader_refusal_error", "model_grader_server_error", "other_error",
    "python_grader_runtime_error", "python_grader_server_error", "sample_parse_error",
    "truncated_observation_error", "unresponsive_reward_error",
)  # fmt: skip


class Validate(Struct, forbid_unknown_fields=True):
    grader: dict[str, Any]


class Run(Struct, forbid_unknown_fields=True):
    grader: dict[str, Any]
    model_sample: Annotated[str, Meta(max_length=_MOST_CHARACTERS)]
    item: dict[str, Any] | None = None


class GraderController(Controller):
    path = "/v1/fine_tuning/alpha/graders"

    @post("/validate", status_code=200)
    async def validate(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        graders: Given[GraderClient],
    ) -> Json:
        asked = await body_reader.json(request, Validate)
        await graders.validate(caller.project_id, _json(asked.grader))
        return {"grader": asked.grader}

    @post("/run", status_code=200)
    async def run(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        graders: Given[GraderClient],
    ) -> Json:
        asked = await body_reader.json(request, Run)
        answer = await graders.run(
            RunGraderRequest(
                project_id=caller.project_id,
                grader_json=_json(asked.grader),
                model_sample=asked.model_sample,
                item_json=_json(asked.item or {}),
            )
        )
        return run_json(asked.grader, answer)


def run_json(grader: dict[str, Any], answer: RunGraderResponse) -> Json:
    """Return OpenAI's answer of `graders.run`."""
    kind = str(grader.get("type"))
    failed = _error_of(kind, answer.error) if answer.error else None
    errors: Json = {name: name == failed for name in _ERRORS}
    errors["model_grader_server_error_details"] = (
        answer.error if failed == "model_grader_server_error" else None
    )
    errors["python_grader_runtime_error_details"] = (
        answer.error if failed == "python_grader_runtime_error" else None
    )
    errors["python_grader_server_error_type"] = None
    scores = dict(answer.sub_rewards)
    return {
        "reward": answer.reward,
        "sub_rewards": scores,
        "model_grader_token_usage_per_model": {},
        "metadata": {
            "name": str(grader.get("name") or kind),
            "type": kind,
            "execution_time": answer.seconds,
            "scores": scores or {str(grader.get("name") or kind): answer.reward},
            "sampled_model_name": None,
            "token_usage": None,
            "errors": errors,
            # OpenAI has no place for the words.
            "argosy": {"error": answer.error or None},
        },
    }


def _error_of(kind: str, error: str) -> str:
    if "{{" in error:
        return "invalid_variable_error"
    if "is no JSON" in error:
        return "sample_parse_error"
    if "calculate_output" in error:
        return "formula_parse_error"
    if kind == "python":
        return "python_grader_runtime_error"
    if kind == "score_model":
        return "model_grader_parse_error" if "no number" in error else "model_grader_server_error"
    return "other_error"


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
