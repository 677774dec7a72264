"""AB11: project B tries to learn from an engine's prefix cache what project A has sent.

Each project's prompts are cached under a salt of its own, which no client can choose: what B sends
is as cold as if A had never been there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.api_fleet import OTHER_KEY
from tests.harness.invariants import gauge
from tests.harness.serving_fleet import ENGINES, HELLO, MODEL, ServingFleet
from tests.harness.waiting import wait_until

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 1}
TEXT: dict[str, Any] = {"model": MODEL, "prompt": "hello", "max_tokens": 1}
BODIES = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", CHAT | {"stream": True}),
    ("/v1/completions", TEXT),
    ("/v1/completions", TEXT | {"stream": True, "user": "someone", "seed": 3}),
]


def salts_of(serving: ServingFleet, key: str) -> set[str | None]:
    """Send every kind of request with a key; return the salts that arrived with them."""
    mark = secrets.token_hex(8)
    with serving.http(key) as client:
        for path, body in BODIES:
            answer = client.post(path, json=body | {"stop": mark})
            assert answer.status_code == 200, answer.text
    bodies = [b for name in ENGINES for b in serving.stats(name)["bodies"] if b.get("stop") == mark]
    assert len(bodies) == len(BODIES)
    return {body.get("cache_salt") for body in bodies}


def test_ab11_each_project_has_one_salt_of_a_fixed_form(serving: ServingFleet) -> None:
    ours, theirs = salts_of(serving, serving.cluster.key), salts_of(serving, OTHER_KEY)
    assert len(ours) == len(theirs) == 1
    assert ours != theirs
    for salt in ours | theirs:
        assert salt is not None
        # A looser form can crash the engine (CVE-2026-105756).
        assert re.fullmatch("[0-9a-f]{64}", salt)
    # It cannot be made without the secret.
    for project in (b"proj_default", b"proj_other"):
        assert hashlib.sha256(project).hexdigest() not in ours | theirs
        assert hmac.digest(b"", project, "sha256").hex() not in ours | theirs


def test_ab11_the_salt_outlives_the_gateway(serving: ServingFleet) -> None:
    before = salts_of(serving, serving.cluster.key)
    pid = serving.cluster.kill("gateway")
    serving.cluster.wait_restarted("gateway", pid)
    serving.usable()
    assert salts_of(serving, serving.cluster.key) == before


@pytest.mark.parametrize("value", ["x", "", "a" * 64, None, 1, ["x"], {"a": "b"}, "x" * 100_000])
@pytest.mark.parametrize(("path", "body"), BODIES)
def test_ab11_no_client_can_choose_it(
    serving: ServingFleet, path: str, body: dict[str, Any], value: Any
) -> None:
    before = serving.heard()
    with serving.http() as client:
        answer = client.post(path, json=body | {"cache_salt": value})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "cache_salt"
    assert serving.heard() == before


@pytest.fixture
def one_engine(serving: ServingFleet) -> Iterator[ServingFleet]:
    """All requests go to the same engine, which has a prefix cache."""
    first, *others = ENGINES
    serving.fault(first, prefill_ms=1)
    serving.fault(*others, sick=True)
    ready = "argosy_gateway_replica_ready"
    wait_until(lambda: gauge(serving.cluster, "gateway", ready) == 1, 15, "one engine")
    yield serving
    serving.usable()


def test_ab11_another_projects_prompt_is_cold(one_engine: ServingFleet) -> None:
    secret = [{"role": "user", "content": f"the plan of {secrets.token_hex(8)} " * 20}]

    def cached(key: str) -> int:
        with one_engine.http(key) as client:
            answer = client.post("/v1/chat/completions", json=CHAT | {"messages": secret})
        found: int = answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"]
        return found

    ours = one_engine.cluster.key
    assert cached(ours) == 0
    assert cached(ours) > 0
    # As if nobody had sent it; and then B's own cache works like A's.
    assert cached(OTHER_KEY) == 0
    assert cached(OTHER_KEY) > 0
