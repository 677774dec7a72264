"""Tuning jobs: bodies and filters that are refused, each naming its field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway_http.test_gateway_tuning_api import JOBS, MINIMAL


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"model": None}, "model", "expected a string, but got null"),
        ({"model": 5}, "model", "expected a string, but got an integer"),
        ({"seed": "x"}, "seed", "expected an integer or null"),
        ({"seed": -1}, "seed", "at least 0"),
        ({"suffix": "x" * 65}, "suffix", "pattern"),
        ({"suffix": "a:b"}, "suffix", "pattern"),
        ({"colour": 1}, "colour", "Unknown parameter"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs", "'many'"),
        ({"hyperparameters": {"beta": 1}}, "hyperparameters.beta", "Unknown parameter"),
        ({"method": {"type": "magic"}}, "method.type", "supervised, dpo, reinforcement"),
        ({"method": {}}, "method.type", "Missing required parameter"),
        ({"method": {"type": "supervised", "dpo": {}}}, "method.dpo", "Leave it out"),
        (
            {"method": {"type": "dpo"}, "argosy": {"method": "kto"}},
            "argosy.method",
            "Send one of them",
        ),
        (
            {
                "method": {
                    "type": "reinforcement",
                    "reinforcement": {"hyperparameters": {"reasoning_effort": "high"}},
                }
            },
            "method.reinforcement.hyperparameters.reasoning_effort",
            "no reasoning effort",
        ),
        (
            {
                "method": {
                    "type": "reinforcement",
                    "reinforcement": {"hyperparameters": {"eval_samples": 4}},
                }
            },
            "method.reinforcement.hyperparameters.eval_samples",
            "answered once",
        ),
        (
            {"hyperparameters": {"n_epochs": 1}, "argosy": {"n_epochs": 2}},
            "argosy.n_epochs",
            "sent twice",
        ),
        ({"argosy": {"lora_rank": {}}}, "argosy.lora_rank", "a parameter is a number"),
        ({"argosy": {"lora_rank": 2**70}}, "argosy.lora_rank", "a parameter is a number"),
        ({"argosy": {"a": "\x00"}}, "argosy.a", "a parameter is a number"),
        ({"argosy": {"data": [{}]}}, "argosy.data[0].source", "Missing required parameter"),
        ({"argosy": {"data": [{"source": "f", "n": 1}]}}, "argosy.data[0].n", "Unknown parameter"),
        ({"argosy": {"method": 5}}, "argosy.method", "expected a string"),
        ({"argosy": {"priority": "high"}}, "argosy.priority", "expected an integer"),
        ({"metadata": {"k" * 65: "v"}}, "metadata", "at most 64 characters"),
        ({"metadata": {"k": "v" * 513}}, "metadata", "at most 512 characters"),
        ({"metadata": {"k": 1}}, "metadata", "expected a string"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "at most 16 entries"),
        ({"metadata": {"k": "\x00"}}, "metadata", "pattern"),
        ({"integrations": [{"type": "wandb"}]}, "integrations", "not available"),
        (
            {
                "hyperparameters": {},
                "method": {"type": "supervised", "supervised": {"hyperparameters": {}}},
            },
            "hyperparameters",
            "twice",
        ),
    ],
)
async def test_a_wrong_body_names_its_field(
    fleet: Any, change: dict[str, Any], param: str, words: str
) -> None:
    async with fleet.http() as client:
        answer = await client.post(JOBS, json={**MINIMAL, **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["type"]) == (
        400,
        param,
        "invalid_request_error",
    )
    assert words in error["message"]
    assert fleet.tuning.requests == []


@pytest.mark.parametrize("missing", ["model", "training_file"])
async def test_a_missing_field_is_named(fleet: Any, missing: str) -> None:
    body = {name: value for name, value in MINIMAL.items() if name != missing}
    async with fleet.http() as client:
        answer = await client.post(JOBS, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == missing


async def test_null_is_as_good_as_absent(fleet: Any) -> None:
    optional = ("suffix", "seed", "metadata", "method", "integrations", "argosy", "validation_file")
    async with fleet.http() as client:
        answer = await client.post(JOBS, json=MINIMAL | dict.fromkeys(optional))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("query", ["metadata=null", "metadata[a", "metadata[a]=%00", "limit=101"])
async def test_a_wrong_filter_is_400(fleet: Any, query: str) -> None:
    async with fleet.http() as client:
        answer = await client.get(f"{JOBS}?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in {"metadata", "limit"}
