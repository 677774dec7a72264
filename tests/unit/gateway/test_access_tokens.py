"""access.tokens: what is issued, what is read back, what is refused."""

from __future__ import annotations

import pytest
from argosy.gateway.access.tokens import LIFETIME_SECONDS, AccessTokens, of_query
from argosy.kit.clock import ManualClock


def test_a_token_names_its_key_until_it_ends() -> None:
    clock = ManualClock()
    tokens = AccessTokens(b"pepper", clock)
    token = tokens.issue("key_a.b").encode()
    assert tokens.is_one(token)
    assert tokens.key_id(token) == "key_a.b"
    clock.advance(LIFETIME_SECONDS - 1)
    assert tokens.key_id(token) == "key_a.b"
    clock.advance(1)
    assert tokens.key_id(token) == ""


def test_another_pepper_and_every_changed_byte_are_refused() -> None:
    tokens = AccessTokens(b"pepper", ManualClock())
    token = tokens.issue("key_a").encode()
    assert AccessTokens(b"other", ManualClock()).key_id(token) == ""
    for at in range(len(token)):
        # The last character of a MAC has bits that do not count: it is compared as text.
        changed = token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        assert not tokens.is_one(changed) or tokens.key_id(changed) == ""


@pytest.mark.parametrize("text", [b"24.a.b", b"24.a.b.c.d", b"25.a.b.c", b"sk-argosy-24.a.b.c"])
def test_what_is_no_token(text: bytes) -> None:
    assert not AccessTokens.is_one(text)


def test_a_query_carries_tokens_and_no_keys() -> None:
    assert of_query(b"access_token=24.a.1.m&x=y") == [b"Bearer 24.a.1.m"]
    assert of_query(b"access_token=sk-argosy-secret") == []
    assert of_query(b"") == []
    # Two are as two headers: nobody.
    assert len(of_query(b"access_token=24.a.1.m&access_token=24.b.1.m")) == 2
