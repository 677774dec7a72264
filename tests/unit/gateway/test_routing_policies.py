"""Filters, scorers, picker and their sum; each decision follows from the candidates alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from argosy.gateway.engines.ejection import Ejection, EjectionPolicy
from argosy.gateway.lane.budget import RetryBudget
from argosy.gateway.placement.residency import Residency
from argosy.gateway.routing.adapter_residency import AdapterResidency
from argosy.gateway.routing.best import Best
from argosy.gateway.routing.load import Load
from argosy.gateway.routing.policy import Candidate
from argosy.gateway.routing.router import Router, default_router


def test_filters_keep_only_what_can_serve() -> None:
    router = default_router(random.Random(0))
    down, out = Candidate("down", ready=False), Candidate("out", ejected=True)
    assert router.choose([down, out]) is None
    assert router.choose([]) is None
    assert router.choose([down, out, Candidate("up", in_flight=99)]) == Candidate(
        "up", in_flight=99
    )


def test_the_less_loaded_is_chosen_and_equals_share() -> None:
    router = default_router(random.Random(0))
    busy = Candidate("busy", in_flight=5)
    assert router.choose([busy, Candidate("idle")]) == Candidate("idle")
    waiting = Candidate("waiting", waiting=3)
    assert router.choose([busy, waiting]) == waiting
    equals = [Candidate("a"), Candidate("b")]
    count = Counter(router.choose(equals) for _ in range(1000))
    assert min(count.values()) > 400


def test_an_adapter_stays_until_its_replica_is_much_busier() -> None:
    router = default_router(random.Random(0))
    idle = Candidate("idle", resident=False)
    near = Candidate("home", in_flight=4)
    far = Candidate("home", in_flight=12)
    assert router.choose([idle, near]) == near
    assert router.choose([idle, far]) == idle


def test_scores_stay_within_range() -> None:
    for load in (0, 1, 10**6):
        assert 0 <= Load().score(Candidate("a", in_flight=load)) <= 1
    assert AdapterResidency().score(Candidate("a", resident=False)) == 0

    class Wild:
        def score(self, candidate: Candidate) -> float:
            return 2.0

    with pytest.raises(ValueError, match="Wild"):
        Router((), ((Wild(), 1.0),), Best(random.Random(0))).choose([Candidate("a")])


def test_ejection_after_failures_in_a_row_longer_each_time() -> None:
    ejection = Ejection(EjectionPolicy(failures=2, base_seconds=5, cap_seconds=15))
    assert not ejection.failed(0.0, allowed=True)
    ejection.succeeded(0.0)
    assert not ejection.failed(0.0, allowed=True)
    assert ejection.failed(0.0, allowed=True)
    assert ejection.active(4.9)
    assert not ejection.active(5.0)
    ejection.failed(6.0, allowed=True)
    assert ejection.failed(6.0, allowed=True)
    assert ejection.active(15.9)
    ejection.failed(17.0, allowed=True)
    assert ejection.failed(17.0, allowed=True)
    assert not ejection.active(32.0)
    ejection.succeeded(33.0)
    ejection.failed(33.0, allowed=True)
    assert ejection.failed(33.0, allowed=True)
    assert not ejection.active(38.0)


def test_ejection_only_where_the_pool_allows() -> None:
    ejection = Ejection(EjectionPolicy(failures=1))
    assert not ejection.failed(0.0, allowed=False)
    assert not ejection.active(0.0)


def test_retries_stay_within_a_fifth_of_the_requests() -> None:
    budget = RetryBudget()
    retries = 0
    for _ in range(1000):
        budget.request()
        retries += budget.take()
    assert 100 < retries <= 200


def test_the_coldest_unpinned_adapters_are_the_victims() -> None:
    residency = Residency(cap=2)
    for name in "abcd":
        residency.add(name)
    residency.use("a")
    residency.release("a")
    residency.use("b")
    assert residency.names() == ["c", "d", "a", "b"]
    assert residency.victims() == ["c", "d"]
    residency.use("c")
    residency.use("c")
    residency.release("c")
    assert residency.victims() == ["d", "a"]
    residency.release("c")
    assert residency.drop("d")
    assert not residency.drop("d")


def test_what_a_request_uses_is_never_a_victim() -> None:
    residency = Residency(cap=1)
    for name in "ab":
        residency.add(name)
    residency.use("a")
    residency.use("b")
    assert residency.victims() == []
    residency.release("b")
    assert residency.victims() == ["b"]


def test_late_news_of_an_earlier_load_does_not_hit_the_next() -> None:
    residency = Residency(cap=2)
    residency.add("a")
    first = residency.use("a")
    residency.lost("a", first)
    assert "a" not in residency
    residency.add("a")
    residency.lost("a", first)
    assert "a" in residency


def test_the_engines_own_list_wins() -> None:
    residency = Residency(cap=9)
    for name in "abc":
        residency.add(name)
    residency.replace({"c", "b", "x"})
    assert residency.names() == ["x", "b", "c"]
