"""access.keys, access.wrong_keys, access.priority, access.estimate."""

from __future__ import annotations

import hmac

import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.estimate import estimated_tokens
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.priority import effective
from argosy.gateway.access.wrong_keys import WrongKeys
from argosy.gateway.catalog import Catalog
from argosy.gateway.errors import render
from argosy.kit.clock import ManualClock
from argosy.kit.errors import PermissionDenied, RateLimited, Unauthenticated

PEPPER = b"pepper"


def key(secret: str, **fields: object) -> pb.WatchResponse:
    digest = hmac.digest(PEPPER, secret.encode(), "sha256")
    return pb.WatchResponse(key=pb.Key(digest=digest, project_id="proj_a", **fields))  # type: ignore[arg-type]


@pytest.fixture
def catalog() -> Catalog:
    catalog = Catalog()
    limits = pb.Limits(tokens_per_day=7)
    catalog.apply(
        pb.WatchResponse(
            project=pb.Project(id="proj_a", organization_slug="org", share=2.5, limits=limits)
        )
    )
    catalog.apply(key("sk-good", id="key_a"))
    return catalog


def authenticator(catalog: Catalog, wrong: WrongKeys | None = None) -> Authenticator:
    return Authenticator(catalog, PEPPER, lambda: True, wrong)


def test_what_is_known_of_a_caller(catalog: Catalog) -> None:
    caller = authenticator(catalog).identify([b"Bearer sk-good"])
    assert (caller.priority, caller.admin, caller.share) == (pb.PRIORITY_DEFAULT, False, 2.5)
    assert caller.key_limits is None
    assert caller.project_limits is not None
    assert caller.project_limits.tokens_per_day == 7
    high = key("sk-high", id="key_h", priority=pb.PRIORITY_HIGH, admin=True, limits=pb.Limits())
    catalog.apply(high)
    caller = authenticator(catalog).identify([b"Bearer sk-high"])
    assert (caller.priority, caller.admin) == (pb.PRIORITY_HIGH, True)
    assert caller.key_limits is not None


def test_one_object_serves_a_key_until_something_changes(catalog: Catalog) -> None:
    who = authenticator(catalog)
    caller = who.identify([b"Bearer sk-good"])
    assert who.identify([b"Bearer sk-good"]) is caller
    catalog.apply(pb.WatchResponse(project=pb.Project(id="proj_a", share=9)))
    changed = who.identify([b"Bearer sk-good"])
    assert changed.share == 9
    catalog.apply(key("sk-good", id="key_a", admin=True))
    assert who.identify([b"Bearer sk-good"]).admin
    catalog.apply(pb.WatchResponse(removal=pb.Removal(kind=pb.ENTRY_KIND_KEY, id="key_a")))
    with pytest.raises(Unauthenticated):
        who.identify([b"Bearer sk-good"])


def test_only_keys_that_exist_are_remembered(catalog: Catalog) -> None:
    who = authenticator(catalog)
    for number in range(10_000):
        with pytest.raises(Unauthenticated):
            who.identify([b"Bearer sk-wrong-%d" % number])
    assert len(who._remembered) == 0
    for number in range(5000):
        who.identify([b"Bearer %bsk-good" % (b" " * (number % 4200))])
    assert len(who._remembered) == 4096


def test_wrong_keys_are_limited_by_address_and_known_ones_are_not(catalog: Catalog) -> None:
    clock = ManualClock()
    who = authenticator(catalog, WrongKeys(clock.monotonic, 60))

    def wrong(peer: str) -> type[Exception]:
        with pytest.raises((Unauthenticated, RateLimited)) as caught:
            who.identify([b"Bearer sk-wrong"], peer)
        return caught.type

    assert [wrong("10.0.0.1") for _ in range(62)] == [Unauthenticated] * 60 + [RateLimited] * 2
    assert who.identify([b"Bearer sk-good"], "10.0.0.1").key_id == "key_a"
    assert wrong("10.0.0.2") is Unauthenticated
    with pytest.raises(RateLimited) as caught:
        who.identify([b"Bearer sk-wrong"], "10.0.0.1")
    assert caught.value.code == "too_many_wrong_keys"
    assert (b"retry-after", b"1") in render(caught.value).headers
    clock.advance(2.001)
    assert [wrong("10.0.0.1") for _ in range(3)] == [Unauthenticated, Unauthenticated, RateLimited]
    # One network of IPv6 is one address; an IPv4 address is itself in either form.
    assert [wrong(f"2001:db8::{n:x}") for n in range(61)].count(RateLimited) == 1
    assert wrong("2001:db8:0:1::1") is Unauthenticated
    assert wrong("::ffff:10.0.0.1") is RateLimited
    assert wrong("fe80::1%eth0") is Unauthenticated
    assert wrong("not an address:") is Unauthenticated


def test_addresses_are_bounded() -> None:
    wrong = WrongKeys(ManualClock().monotonic, 1)
    for number in range(10_000):
        wrong.sent(f"10.{number >> 8}.{number & 255}.1")
    assert len(wrong._full_at) == 4096


@pytest.mark.parametrize(
    ("own", "tier", "expected"),
    [
        (pb.PRIORITY_UNSPECIFIED, None, pb.PRIORITY_DEFAULT),
        (pb.PRIORITY_DEFAULT, "auto", pb.PRIORITY_DEFAULT),
        (pb.PRIORITY_DEFAULT, "priority", pb.PRIORITY_DEFAULT),
        (pb.PRIORITY_DEFAULT, "flex", pb.PRIORITY_FLEX),
        (pb.PRIORITY_HIGH, None, pb.PRIORITY_HIGH),
        (pb.PRIORITY_HIGH, "default", pb.PRIORITY_DEFAULT),
        (pb.PRIORITY_HIGH, "priority", pb.PRIORITY_HIGH),
        (pb.PRIORITY_BATCH, "priority", pb.PRIORITY_BATCH),
        (pb.PRIORITY_BATCH, None, pb.PRIORITY_BATCH),
        (pb.PRIORITY_FLEX, "scale", pb.PRIORITY_FLEX),
    ],
)
def test_a_tier_is_capped_by_the_key(own: int, tier: str | None, expected: int) -> None:
    assert effective(own, tier) == expected


@pytest.mark.parametrize(
    ("read", "asked", "answers", "context", "expected"),
    [(10, 5, 1, 0, 15), (10, 5, 3, 0, 25), (10, None, 1, 0, 522), (10, None, 1, 100, 100),
     (10, 500, 2, 100, 190), (200, 5, 1, 100, 201)],
)  # fmt: skip
def test_estimates(read: int, asked: int | None, answers: int, context: int, expected: int) -> None:
    assert estimated_tokens(read, asked, answers, context) == expected


def test_a_readers_key_looks_on_and_uses_nothing(catalog: Catalog) -> None:
    catalog.apply(key("sk-looks", id="key_r", project_role=pb.PROJECT_ROLE_READER))
    who = authenticator(catalog)
    # Twice: what is remembered of a key is held to its role too.
    for _ in range(2):
        assert who.identify([b"Bearer sk-looks"], looks_on=True).key_id == "key_r"
        with pytest.raises(PermissionDenied) as refused:
            who.identify([b"Bearer sk-looks"])
        assert refused.value.code == "insufficient_permissions"
    catalog.apply(key("sk-looks", id="key_r", project_role=pb.PROJECT_ROLE_MEMBER))
    assert who.identify([b"Bearer sk-looks"]).key_id == "key_r"
