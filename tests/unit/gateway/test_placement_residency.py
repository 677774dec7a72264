"""What a replica has registered, by last use."""

from __future__ import annotations

from argosy.gateway.placement.residency import Residency


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
