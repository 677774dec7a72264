"""Dialects and refusals: how engines word things, and what is told of it."""

from __future__ import annotations

import json

import pytest
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.dialects import by_name
from argosy.gateway.engines.dialects.vllm import VLLM
from argosy.gateway.errors import TABLE, EngineFailed, EngineRefused, Outcome, outcome, render
from argosy.gateway.lane.dispatch.refusal import refusal
from argosy.kit import errors
from argosy.kit.errors import ApiError, Unavailable

METRICS = b"""# HELP vllm:num_requests_running Number
process_start_time_seconds 1.79544287e+09
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 7.0
vllm:num_requests_waiting_by_reason{reason="x"} 99.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.3
"""


def body(message: str, param: str | None = None) -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": "X", "param": param, "code": 400}}
    ).encode()


def test_gauges_add_up_over_cores() -> None:
    gauges = VLLM().gauges(METRICS)
    assert (gauges.running, gauges.waiting) == (5, 7)
    assert gauges.kv_cache_usage == pytest.approx(0.4)
    assert gauges.start_time == 1.79544287e9
    assert VLLM().gauges(b"nothing").running == 0


def test_adapters_are_the_cards_with_a_parent() -> None:
    cards = {"data": [{"id": "base", "parent": None}, {"id": "ft", "parent": "base"}]}
    assert VLLM().adapters.listed(json.dumps(cards).encode()) == {"ft"}


def test_only_vllm_has_adapters() -> None:
    assert by_name("vllm").adapters is not None
    assert by_name("openai").adapters is None


def test_our_own_engine_loads_everything_by_name_and_is_told_where_the_weights_are() -> None:
    ours = by_name("transformers")
    assert ours.adapters is not None
    cards = {"data": [{"id": "bloom-7b", "parent": None}, {"id": "ft", "parent": "bloom-7b"}]}
    assert ours.adapters.listed(json.dumps(cards).encode()) == {"bloom-7b", "ft"}
    model = Model(id="ft", base="bloom-7b", adapter_path="/blobs/1", weights_path="/weights/bloom")
    call = ours.adapters.load(model)
    assert (call.path, json.loads(call.body)) == (
        "/v1/load_lora_adapter",
        {
            "lora_name": "ft",
            "lora_path": "/blobs/1",
            "base_path": "/weights/bloom",
            "base_name": "bloom-7b",
        },
    )
    # Whatever its list says, it takes any name once it was loaded.
    assert ours.card is None
    assert ours.gauges(METRICS).running == 5


def test_a_forgotten_adapter_is_told_from_other_404s() -> None:
    adapters = VLLM().adapters
    assert adapters.unknown_model(404, body("The model `ft` does not exist."))
    assert not adapters.unknown_model(404, b'{"detail":"Not Found"}')
    assert not adapters.unknown_model(500, body("The model `ft` does not exist."))
    assert adapters.already_loaded(400, body("The lora adapter 'a' has already been loaded."))


def test_a_refusal_keeps_the_reason_and_loses_the_insides() -> None:
    error = refusal(
        400,
        body(
            "Bad grammar in /opt/venv/lib/site-packages/x.py: no\n"
            'Traceback (most recent call last):\n  File "/opt/a.py", line 3',
            param="response_format",
        ),
    )
    assert isinstance(error, EngineRefused)
    assert error.message == "Bad grammar in …: no"
    assert error.param == "response_format"
    long = refusal(422, body("x" * 5000))
    assert len(long.message) <= 1001


def test_too_long_a_prompt_has_openais_code() -> None:
    message = "This model's maximum context length is 2048 tokens. However, you requested 3000."
    error = refusal(400, body(f"{message} (parameter=input_tokens, value=3000)", "input_tokens"))
    assert (error.code, error.param) == ("context_length_exceeded", None)
    assert error.message == message


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502])
def test_other_failures_say_nothing_of_the_engine(status: int) -> None:
    error = refusal(status, body("secret detail"))
    assert isinstance(error, EngineFailed)
    assert "secret" not in error.message
    assert render(error).status == 502


@pytest.mark.parametrize("status", [429, 503])
def test_an_engine_with_enough_to_do_is_overloaded(status: int) -> None:
    error = refusal(status, b"")
    assert isinstance(error, Unavailable)
    assert dict(render(error).headers)[b"retry-after"] == b"2"


@pytest.mark.parametrize("cls", [*TABLE, errors.Internal])
def test_every_error_renders_as_openai_does(cls: type[ApiError]) -> None:
    rendered = render(cls("why", param="field"))
    told = json.loads(rendered.body)["error"]
    assert set(told) == {"message", "type", "param", "code"}
    assert (told["message"], told["param"], told["type"]) == ("why", "field", cls.openai_type)
    assert rendered.status == cls.http_status
    assert dict(rendered.headers)[b"content-length"] == b"%d" % len(rendered.body)
    assert outcome(cls("why")) in Outcome


def test_a_code_of_its_own_wins_over_the_tables() -> None:
    told = json.loads(render(errors.Unauthenticated("why", code="mine")).body)
    assert told["error"]["code"] == "mine"
    told = json.loads(render(errors.Unauthenticated("why")).body)
    assert told["error"]["code"] == "invalid_api_key"


def test_vllm_is_asked_to_count_as_it_goes_and_others_are_not() -> None:
    text = b'{"model":"m","messages":"\\"stream_options\\":{\\"include_usage\\":true}",'
    asked = text + b'"stream_options":{"include_usage":true},"cache_salt":"s"}'
    counts = text + (
        b'"stream_options":{"include_usage":true,"continuous_usage_stats":true},"cache_salt":"s"}'
    )
    path = "/v1/chat/completions"
    assert VLLM().call(path, asked, stream=True).body == counts
    assert VLLM().call(path, text[:-1] + b"}", stream=False).body == text[:-1] + b"}"
    assert by_name("openai").call(path, asked, stream=True).body == asked
