"""TGI behind OpenAI's routes: requests and answers in both forms, against its stand-in too."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.dialects.tgi import TGI
from argosy.gateway.engines.dialects.tgi_answers import StreamTranslator, WholeTranslator
from argosy.gateway.engines.dialects.tgi_generate import generate_body
from argosy.kit.errors import InvalidRequest

from tests.harness.lane_plane import BASE, HELLO, FakeEngine, LanePlane

SCRIPT = Path(__file__).resolve().parents[2] / "fakes" / "tgi.py"


def asked(**fields: Any) -> dict[str, Any]:
    """Return TGI's parameters for a completion with these fields."""
    body = generate_body(json.dumps({"model": "m", "prompt": "hi"} | fields).encode())
    parameters: dict[str, Any] = json.loads(body)["parameters"]
    return parameters


def event(text: str, *, special: bool = False, finish: str = "", **details: Any) -> bytes:
    token = {"id": 1, "text": text, "logprob": -1.0, "special": special}
    told = {"finish_reason": finish, **details} if finish else None
    return b"data:" + json.dumps({"token": token, "details": told}).encode() + b"\n\n"


def shown(translator: StreamTranslator, *pieces: bytes) -> tuple[str, list[dict[str, Any]]]:
    """Return the text and all chunks that come out of these pieces."""
    out = b"".join(translator.feed(piece) for piece in pieces) + translator.end()
    events = [e.removeprefix("data: ") for e in out.decode().split("\n\n") if e]
    chunks = [json.loads(e) for e in events if e != "[DONE]"]
    text = "".join(c["choices"][0]["text"] for c in chunks if c.get("choices"))
    return text, chunks


# Requests


def test_openais_defaults_are_told_and_sampling_is_translated() -> None:
    assert asked() == {
        "max_new_tokens": 16, "details": True, "return_full_text": False,
        "do_sample": True, "temperature": 1.0,
    }  # fmt: skip
    assert asked(max_tokens=5)["max_new_tokens"] == 5
    greedy = asked(temperature=0, top_p=0.5)
    assert greedy["do_sample"] is False
    assert not {"temperature", "top_p"} & set(greedy)
    # TGI wants top_p strictly between 0 and 1, and top_k above 0.
    assert not {"top_p", "top_k"} & set(asked(top_p=1, top_k=-1))
    some = asked(top_p=0.9, top_k=7, seed=-1, frequency_penalty=0.5, repetition_penalty=1.1)
    assert (some["top_p"], some["top_k"], some["seed"]) == (0.9, 7, 2**64 - 1)
    assert (some["frequency_penalty"], some["repetition_penalty"]) == (0.5, 1.1)
    assert asked(stop="x")["stop"] == ["x"]
    assert asked(stop=["x", "", "y"])["stop"] == ["x", "y"]
    assert asked(truncate_prompt_tokens=9)["truncate"] == 9


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2}, {"echo": True}, {"suffix": "x"}, {"logprobs": 1}, {"presence_penalty": 0.5},
        {"logit_bias": {"1": 1}}, {"response_format": {"type": "json_object"}}, {"min_p": 0.1},
        {"ignore_eos": True}, {"allowed_token_ids": [1]}, {"prompt": ["a", "b"]}, {"prompt": [1]},
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**fields)
    assert caught.value.param in fields
    assert caught.value.code == "unsupported_parameter"


def test_what_asks_for_nothing_is_no_reason_to_refuse() -> None:
    asked(n=1, echo=False, suffix="", presence_penalty=0, logit_bias={}, prompt=["one"])


def test_gauges_and_card() -> None:
    gauges = TGI().gauges(b"# HELP x\ntgi_queue_size 3\ntgi_batch_current_size 2\ntgi_other 9\n")
    assert (gauges.waiting, gauges.running, gauges.kv_cache_usage) == (3, 2, 0.0)
    card = TGI().read_card(b'{"model_id":"hub/m","max_total_tokens":4096,"sha":null}')
    assert card is not None
    assert (card.names, card.serves, card.context_length) == (("hub/m",), None, 4096)
    assert TGI().read_card(b"<html>") is None


# Answers


def test_a_stream_cut_anywhere_gives_the_same_events() -> None:
    rng = random.Random(11)
    raw = b"".join(
        [
            event("Ein "), event("süßes "), event("日本"), event("语 "),
            event("</s>", special=True, finish="eos_token", generated_tokens=5, input_length=7),
        ]
    )  # fmt: skip
    want, _ = shown(StreamTranslator("m"), raw)
    assert want == "Ein süßes 日本语 "
    for _ in range(200):
        cuts = sorted(rng.sample(range(1, len(raw)), rng.randint(1, 20)))
        pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
        text, chunks = shown(StreamTranslator("m"), *pieces)
        assert text == want
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
        assert chunks[-1]["usage"] == {
            "prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("finish", "said"), [("length", "length"), ("eos_token", "stop"), ("stop_sequence", "stop")]
)
def test_reasons_to_finish(finish: str, said: str) -> None:
    raw = event("a", finish=finish, generated_tokens=1, input_length=1)
    assert shown(StreamTranslator("m"), raw)[1][0]["choices"][0]["finish_reason"] == said
    whole = WholeTranslator("m", {})
    whole.feed(json.dumps({"generated_text": "a", "details": {"finish_reason": finish}}).encode())
    assert json.loads(whole.end())["choices"][0]["finish_reason"] == said


@pytest.mark.parametrize("stops", [["END"], ["ND", "END"], ["zzz", "E END"]])
def test_a_stop_sequence_is_not_shown(stops: list[str]) -> None:
    pieces = [event("and "), event("EN"), event("E E"), event("N")]
    last = event("D", finish="stop_sequence", generated_tokens=5, input_length=1)
    text, _ = shown(StreamTranslator("m", stops), *pieces, last)
    whole = WholeTranslator("m", {}, stops)
    details = {"finish_reason": "stop_sequence", "generated_tokens": 5}
    whole.feed(json.dumps({"generated_text": "and ENE END", "details": details}).encode())
    assert text == json.loads(whole.end())["choices"][0]["text"]
    assert text == "and ENE END"[: -max(len(s) for s in stops if "and ENE END".endswith(s))]


def test_a_text_that_only_looks_like_a_stop_sequence_is_shown() -> None:
    raw = event("an EN", finish="length", generated_tokens=2, input_length=1)
    assert shown(StreamTranslator("m", ["END"]), raw)[0] == "an EN"


def test_an_error_event_is_passed_on_in_openais_form() -> None:
    _, chunks = shown(
        StreamTranslator("m"), event("a"), b'data:{"error":"oom","error_type":"x"}\n\n'
    )
    assert chunks[1]["error"]["message"] == "oom"


def test_what_is_no_answer_stays_none() -> None:
    whole = WholeTranslator("m", {})
    whole.feed(b"<html>")
    with pytest.raises(json.JSONDecodeError):
        json.loads(whole.end())
    out = StreamTranslator("m").feed(b"data: %PDF\n\n")
    assert out == b"data: %PDF\n\n"


# Together


@pytest.fixture
async def tgi(tmp_path: Path) -> AsyncIterator[tuple[LanePlane, FakeEngine]]:
    engine = FakeEngine(script=SCRIPT)
    await engine.start()
    try:
        async with LanePlane(tmp_path / "spool", [engine.url], engine="tgi").running() as plane:
            yield plane, engine
    finally:
        await engine.stop()


async def test_completions_with_the_stock_sdk(tgi: Any) -> None:
    plane, engine = tgi
    sdk = plane.sdk()
    whole = await sdk.completions.create(model=BASE, prompt="one two three", max_tokens=3)
    assert whole.choices[0].text == "t0 t1 t2 "
    assert (whole.choices[0].finish_reason, whole.model) == ("length", BASE)
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (3, 3)
    stream = await sdk.completions.create(
        model=BASE, prompt="one two", max_tokens=4, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].text for c in chunks if c.choices) == "t0 t1 t2 t3 "
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (2, 5)
    assert {chunk.model for chunk in chunks} == {BASE}
    stopped = await sdk.completions.create(model=BASE, prompt="x", max_tokens=9, stop="t2 ")
    assert (stopped.choices[0].text, stopped.choices[0].finish_reason) == ("t0 t1 ", "stop")
    assert (await engine.stats())["paths"] == ["/generate", "/generate_stream", "/generate"]
    used = await plane.usage(3)
    assert [(u.input_tokens, u.output_tokens, u.estimated) for u in used] == [
        (3, 3, False), (2, 5, False), (1, 3, False),
    ]  # fmt: skip
    await plane.settled()


async def test_chat_with_the_stock_sdk_keeps_the_clients_name(tgi: Any) -> None:
    plane, engine = tgi
    answer = await plane.sdk().chat.completions.create(model=BASE, messages=HELLO, max_tokens=2)
    assert (answer.choices[0].message.content, answer.model) == ("t0 t1 ", BASE)
    stream = await plane.sdk().chat.completions.create(
        model=BASE, messages=HELLO, max_tokens=2, stream=True
    )
    assert {chunk.model async for chunk in stream} == {BASE}
    assert answer.id.startswith("chatcmpl-")
    assert (await engine.stats())["paths"] == ["/v1/chat/completions"] * 2


async def test_events_in_pieces_come_out_whole(tgi: Any) -> None:
    plane, engine = tgi
    await engine.fault(piece_bytes=7)
    stream = await plane.sdk().completions.create(
        model=BASE, prompt="a", max_tokens=20, stream=True
    )
    text = "".join([chunk.choices[0].text async for chunk in stream])
    assert text == "".join(f"t{i} " for i in range(20))


async def test_its_errors_reach_the_client_cleaned(tgi: Any) -> None:
    plane, engine = tgi
    sdk = plane.sdk()
    plane.catalog.learn(Model(id="unbounded", pool="main", servable=True))
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="`max_new_tokens` must be <= 2048"):
            await sdk.completions.create(
                model="unbounded", prompt="a", max_tokens=2049, stream=stream
            )
    (replica,) = plane.fleet.all_replicas()
    assert replica.ejection.failure_share(plane.fleet.now()) == 0
    await engine.fault(error_after_tokens=2)
    stream = await sdk.completions.create(model=BASE, prompt="a", max_tokens=9, stream=True)
    assert [(await anext(stream)).choices[0].text for _ in range(2)] == ["t0 ", "t1 "]
    with pytest.raises(openai.APIError, match="out of memory"):
        await anext(stream)
    await engine.fault(reset=True, end_after_tokens=2)
    stream = await sdk.completions.create(model=BASE, prompt="a", max_tokens=9, stream=True)
    await anext(stream)
    await anext(stream)
    with pytest.raises(openai.APIError, match="ended its answer"):
        await anext(stream)
    await plane.settled()


async def test_overload_within_a_stream_is_overload(tgi: Any) -> None:
    plane, engine = tgi
    await engine.fault(status=429)
    with pytest.raises(openai.InternalServerError) as caught:
        await plane.sdk().completions.create(model=BASE, prompt="a", stream=True)
    assert caught.value.code == "engine_overloaded"


async def test_its_own_retry_after_reaches_the_client(tgi: Any) -> None:
    plane, engine = tgi
    await engine.fault(status=429, retry_after="17")
    async with plane.http() as client:
        body = {"model": BASE, "prompt": "a"}
        answer: httpx.Response = await client.post("/v1/completions", json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "17")
    assert answer.json()["error"]["code"] == "engine_overloaded"
    (replica,) = plane.fleet.all_replicas()
    assert 16 < replica.busy_until - plane.fleet.now() <= 17
    assert replica.ejection.failure_share(plane.fleet.now()) == 0
