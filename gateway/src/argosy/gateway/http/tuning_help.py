"""The methods of tuning and a preview of a job as JSON, in the style of OpenAI's objects.

Translates the trainer's messages. Knows no HTTP and calls nobody.
"""

from __future__ import annotations

import json
from typing import Any

from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.gateway.http.tuning_shapes import Json, cost_json, tuning_json, value_json


def method_json(method: pb.MethodInfo) -> Json:
    """Return one method with its scales and parameters."""
    return {
        "object": "fine_tuning.method",
        "id": method.name,
        "title": method.title,
        "text": method.text,
        "openai_type": method.openai_type or None,
        "learns_from": list(method.learns_from),
        "scales": [
            {
                "id": scale.name,
                "title": scale.title,
                "text": scale.text,
                "parameters": [_parameter(each) for each in scale.parameters],
            }
            for scale in method.scales
        ],
        "programs": [{"id": each.name, "text": each.text} for each in method.programs],
    }


def advice_json(advice: pb.AdviseMethodResponse) -> Json:
    """Return which method fits, with what may be said to ask for it."""
    return {
        "object": "fine_tuning.advice",
        "way": advice.way,
        "method": advice.method or None,
        "scale": advice.scale or None,
        "prepare": advice.prepare,
        "reasons": list(advice.reasons),
        "goals": [{"id": each.name, "text": each.text} for each in advice.goals],
        "has": [{"id": each.name, "text": each.text} for each in advice.has],
    }


def preview_json(preview: pb.PreviewJobResponse, request: pb.CreateJobRequest) -> Json:
    """Return what a job would do, and the request that makes it with everything resolved."""
    planned, estimate = preview.planned, preview.estimate
    return {
        "object": "fine_tuning.preview",
        "model": request.model,
        "base": preview.base,
        "method": planned.method,
        "scale": planned.scale,
        "parameters": {
            name: value_json(value) for name, value in sorted(planned.parameters.items())
        },
        "data": tuning_json(planned)["data"],
        "records": preview.records,
        "total_steps": preview.total_steps,
        "lengths": _lengths(preview.lengths) if preview.HasField("lengths") else None,
        "advice": [
            {"code": each.code, "param": each.param or None, "message": each.message}
            for each in preview.advice
        ],
        "suggestions": [
            {
                "parameter": each.parameter,
                "value": value_json(each.value),
                "source": each.source,
                "why": each.why,
            }
            for each in preview.suggestions
        ],
        "estimate": {
            **cost_json(estimate),
            "memory_bytes": _optional(estimate, "memory_bytes"),
            "micro_batch_size": estimate.micro_batch_size,
            "accumulation_steps": estimate.accumulation_steps,
        },
        "request": equivalent_request(planned, request),
    }


def equivalent_request(planned: pb.Tuning, request: pb.CreateJobRequest) -> Json:
    """Return a body of `POST /v1/fine_tuning/jobs` that makes just this job."""
    values = {name: value_json(value) for name, value in planned.parameters.items()}
    argosy: Json = {
        "method": planned.method,
        "scale": planned.scale,
        **dict(sorted(values.items())),
        "data": [{"source": source.source, "rate": source.rate} for source in planned.data],
    }
    # A given learning rate is the product already.
    argosy.pop("learning_rate_multiplier", None)
    body: Json = {
        "model": request.model,
        "training_file": request.training_file,
        "validation_file": request.validation_file or None,
        "suffix": request.suffix or None,
        "seed": request.seed if request.HasField("seed") else None,
        "metadata": dict(request.metadata) or None,
    }
    if planned.grader_json:
        argosy.pop("method")
        body["method"] = {
            "type": "reinforcement",
            "reinforcement": {"grader": json.loads(planned.grader_json)},
        }
    for name in ("reward_model", "schedule", "priority"):
        if value := getattr(planned, name):
            argosy[name] = value
    if planned.teacher_json:
        argosy["teacher"] = json.loads(planned.teacher_json)
    if planned.program_json:
        argosy["program"] = json.loads(planned.program_json)
    body["argosy"] = argosy
    return {name: value for name, value in body.items() if value is not None}


def _parameter(parameter: pb.ParameterInfo) -> Json:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "minimum": _optional(parameter, "minimum"),
        "maximum": _optional(parameter, "maximum"),
        "advised_minimum": _optional(parameter, "advised_minimum"),
        "advised_maximum": _optional(parameter, "advised_maximum"),
        "choices": list(parameter.choices) or None,
        "default": value_json(parameter.default) if parameter.HasField("default") else None,
        "rule": parameter.rule or None,
        "meaning": parameter.meaning,
        "too_large": parameter.too_large or None,
        "too_small": parameter.too_small or None,
        "advice": parameter.advice or None,
        "source": parameter.source,
        "aliases": list(parameter.aliases),
    }


def _lengths(lengths: pb.RecordLengths) -> Json:
    return {
        "records": lengths.records,
        "tokens": lengths.tokens,
        "median": lengths.median,
        "p95": lengths.p95,
        "longest": lengths.longest,
        "dropped": lengths.dropped,
    }


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None
