"""Routes, dialects and explanations as a user meets them: processes, the SDK, the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import openai
import pytest

from tests.harness.lone_gateway import ADMIN_KEY, ARGOSY, KEY, LoneGateway, PoolOf, lone_gateway
from tests.harness.serving_fleet import HELLO
from tests.harness.waiting import wait_until

ROUTES: Final = """
[[route]]
name = "chat"
targets = [{ model = "fast", weight = 3 }, { model = "text", weight = 1 }]
fallbacks = ["fast"]
[[route]]
name = "fast"
targets = [{ model = "fast" }]
fallbacks = ["text"]
"""
CHAT: Final[dict[str, Any]] = {"messages": HELLO, "max_tokens": 3}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneGateway]:
    folder = tmp_path_factory.mktemp("routing")
    pools = PoolOf("fast", 2, more="weights = { prefix = 2.0 }"), PoolOf("text", 1, engine="tgi")
    with lone_gateway(folder, *pools, tables=ROUTES) as made:
        yield made


@pytest.fixture
def sdk(gateway: LoneGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


def served(sdk: openai.OpenAI, **more: Any) -> tuple[str, str]:
    """Return which model the answer names and which one the header tells."""
    raw = sdk.chat.completions.with_raw_response.create(**CHAT, **more)
    return raw.parse().model, raw.headers["x-argosy-model"]


def test_a_split_is_weighted_and_sticky(sdk: openai.OpenAI) -> None:
    free = [served(sdk, model="chat") for _ in range(60)]
    assert {name for name, _ in free} == {"chat"}
    assert 4 <= [model for _, model in free].count("text") <= 27
    mine = {served(sdk, model="chat", user="someone")[1] for _ in range(10)}
    assert len(mine) == 1


def test_a_conversation_returns_to_its_replica(gateway: LoneGateway, sdk: openai.OpenAI) -> None:
    engines = gateway.pools["fast"]
    before = [engine.stats()["requests"] for engine in engines]
    said: list[Any] = [{"role": "user", "content": "Tell me of ships. " * 40}]
    for _ in range(8):
        answer = sdk.chat.completions.create(model="fast", messages=said, max_tokens=30)
        said += [answer.choices[0].message.model_dump(), {"role": "user", "content": "More."}]
    seen = [e.stats()["requests"] - b for e, b in zip(engines, before, strict=True)]
    assert sorted(seen) == [0, 8]


def test_a_fallback_of_another_dialect_serves_until_the_target_is_back(
    gateway: LoneGateway, sdk: openai.OpenAI
) -> None:
    engines = gateway.pools["fast"]
    for engine in engines:
        engine.fault(status=503)
    try:
        assert served(sdk, model="fast") == ("fast", "text")
        stream = sdk.chat.completions.create(model="fast", stream=True, **CHAT)
        assert "".join(c.choices[0].delta.content or "" for c in stream).split() == [
            "t0", "t1", "t2",
        ]  # fmt: skip
        assert gateway.metric("argosy_gateway_fallbacks_total", route="fast") == 2
    finally:
        for engine in engines:
            engine.fault()
    wait_until(lambda: served(sdk, model="fast") == ("fast", "fast"), 20, "the target to serve")


def test_completions_of_tgi_are_translated(sdk: openai.OpenAI) -> None:
    answer = sdk.completions.create(model="text", prompt="one two", max_tokens=3)
    assert answer.choices[0].text == "t0 t1 t2 "
    assert (answer.model, answer.usage and answer.usage.prompt_tokens) == ("text", 2)
    with pytest.raises(openai.BadRequestError, match="does not support 'n'"):
        sdk.completions.create(model="text", prompt="a", n=2)


def test_a_route_is_listed_once_among_the_models(sdk: openai.OpenAI) -> None:
    assert sorted(model.id for model in sdk.models.list()) == ["chat", "fast", "text"]
    assert sdk.models.retrieve("chat").id == "chat"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("chats")


def explain(
    gateway: LoneGateway, *arguments: str, key: str = ADMIN_KEY, url: str | None = None
) -> Any:
    command = [ARGOSY, "explain", *arguments, "--url", url or gateway.url, "--key", key]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_argosy_explain(gateway: LoneGateway) -> None:
    told = explain(gateway, "chat")
    assert told.returncode == 0, told.stderr
    assert "route chat: 75% fast, 25% text" in told.stdout
    assert "model fast, pool fast" in told.stdout
    assert "prefix 2" in told.stdout
    for engine in gateway.engines:
        assert engine.url in told.stdout
    answer = json.loads(explain(gateway, "text", "--json").stdout)
    (replica,) = answer["models"][0]["replicas"]
    assert (replica["engine"], replica["engine_names"]) == ("tgi", ["hub/text"])
    assert (replica["waiting"], replica["context_length"]) == (3, 2048)
    assert replica["scores"].keys() == answer["models"][0]["weights"].keys()
    # The address as it stands in a browser will do.
    assert explain(gateway, "chat", url=gateway.url.removesuffix("/v1")).returncode == 0
    unknown = explain(gateway, "nothing")
    assert unknown.returncode == 1
    assert "does not exist" in unknown.stderr
    assert "administrator" in explain(gateway, "chat", key=KEY).stderr


def test_the_debug_header_is_for_admins(gateway: LoneGateway) -> None:
    asking = {"x-argosy-explain": "1"}
    body = CHAT | {"model": "fast"}
    with gateway.http(ADMIN_KEY) as admin, gateway.http() as other:
        told = admin.post("/chat/completions", json=body, headers=asking).headers["x-argosy-route"]
        assert "x-argosy-route" not in admin.post("/chat/completions", json=body).headers
        hidden = other.post("/chat/completions", json=body, headers=asking).headers
        assert "x-argosy-route" not in hidden
    urls = [engine.url for engine in gateway.pools["fast"]]
    assert told.startswith(tuple(f"replica={url}; scores=" for url in urls))
    assert all(f"{url} total=" in told for url in urls)
