"""Chat and completions through the stock SDK, on the fake engine."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.harness.api_fleet import ApiFleet

MODEL = "smollm2-135m-instruct"
HELLO: Any = [{"role": "user", "content": "hello"}]


def test_a_chat_answers_with_the_sdks_shape(fleet: ApiFleet, strictly: Any) -> None:
    raw = (
        fleet.sdk()
        .chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=8)
        .http_response.json()
    )
    answer = strictly(ChatCompletion, raw)
    assert answer.model == MODEL
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    total = answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.total_tokens == total


def test_a_stream_ends_with_its_usage_when_asked(fleet: ApiFleet, strictly: Any) -> None:
    chunks = list(
        fleet.sdk().chat.completions.create(
            model=MODEL,
            messages=HELLO,
            max_tokens=8,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    for chunk in chunks:
        strictly(ChatCompletionChunk, chunk.to_dict(mode="json"))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text
    assert [c.usage is not None for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []
    finished = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert finished[-1] in {"stop", "length"}
    assert set(finished[:-1]) == {None}


def test_a_stream_without_the_option_shows_no_usage(fleet: ApiFleet) -> None:
    chunks = list(
        fleet.sdk().chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4, stream=True)
    )
    assert all(chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)


def test_completions_whole_and_streamed(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    raw = sdk.completions.with_raw_response.create(
        model=MODEL, prompt="Once", max_tokens=4
    ).http_response.json()
    assert strictly(Completion, raw).choices[0].text
    chunks = list(sdk.completions.create(model=MODEL, prompt="Once", max_tokens=4, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    for chunk in chunks:
        shape = chunk.to_dict(mode="json")
        for choice in shape["choices"]:  # type: ignore[attr-defined]  # JSON, known by the SDK
            # The SDK reads a piece of a stream with the type of a whole answer, which is finished.
            choice["finish_reason"] = choice["finish_reason"] or "stop"
        strictly(Completion, shape)
    assert [c.choices[0].finish_reason for c in chunks][-1] in {"stop", "length"}


def test_the_engines_parameters_reach_it(fleet: ApiFleet, strictly: Any) -> None:
    raw = (
        fleet.sdk()
        .chat.completions.with_raw_response.create(
            model=MODEL,
            messages=HELLO,
            max_tokens=4,
            n=2,
            seed=3,
            stop=["END"],
            temperature=0.5,
            logprobs=True,
            top_logprobs=2,
            response_format={"type": "json_object"},
        )
        .http_response.json()
    )
    answer = strictly(ChatCompletion, raw)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.logprobs and choice.logprobs.content for choice in answer.choices)
    seen = fleet.last_engine_request()
    assert (seen["n"], seen["seed"], seen["stop"], seen["temperature"]) == (2, 3, ["END"], 0.5)
    assert (seen["logprobs"], seen["top_logprobs"]) == (True, 2)
    assert seen["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    "private",
    ["prompt_embeds", "cache_salt", "priority", "kv_transfer_params", "lora_path", "vllm_xargs"],
)
def test_the_engines_private_side_is_refused_by_name(fleet: ApiFleet, private: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        fleet.sdk().chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=4, extra_body={private: "x"}
        )
    assert caught.value.param == private
