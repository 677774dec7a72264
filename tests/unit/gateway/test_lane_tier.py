"""`service_tier`: read and checked by the lane, never sent on."""

from __future__ import annotations

import json

import pytest
from argosy.gateway.lane.request.completion import Operation, parse
from argosy.kit.errors import InvalidRequest

HELLO = [{"role": "user", "content": "hi"}]


def body(tier: object) -> bytes:
    return json.dumps({"model": "m", "messages": HELLO, "service_tier": tier}).encode()


@pytest.mark.parametrize("tier", ["auto", "default", "flex", "priority", "scale"])
def test_a_tier_is_kept_here(tier: str) -> None:
    request = parse(Operation.CHAT, body(tier))
    assert request.service_tier == tier
    assert b"service_tier" not in request.body


@pytest.mark.parametrize("tier", ["urgent", 1, [], {"a": 1}])
def test_what_is_no_tier_is_refused(tier: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(Operation.CHAT, body(tier))
    assert caught.value.param == "service_tier"
    assert "flex" in caught.value.message or caught.value.code == "invalid_type"


def test_none_is_no_tier() -> None:
    assert parse(Operation.CHAT, body(None)).service_tier is None
