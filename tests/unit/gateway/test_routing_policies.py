"""Each policy alone, the picker, and their sum; a decision follows from what it is given."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from argosy.gateway.routing.adapter_residency import AdapterResidency
from argosy.gateway.routing.kv_cache import KVCacheRoom
from argosy.gateway.routing.not_busy import NotBusy
from argosy.gateway.routing.not_ejected import NotEjected
from argosy.gateway.routing.not_tried import NotTried
from argosy.gateway.routing.policy import Ask, Candidate
from argosy.gateway.routing.prefix_affinity import PrefixAffinity
from argosy.gateway.routing.prefixes import Prefixes, beginnings
from argosy.gateway.routing.queue_depth import QueueDepth
from argosy.gateway.routing.ready import Ready
from argosy.gateway.routing.reliability import Reliability
from argosy.gateway.routing.router import WEIGHTS, Router, default_router, wrong_weight
from argosy.gateway.routing.serves_model import ServesModel
from argosy.gateway.routing.two_choices import TwoChoices

from tests.unit.gateway.candidates import Gauges, Standing, Stub

ASK = Ask("base", 10.0)


def router() -> Router:
    return default_router(random.Random(0))


def shares(
    router: Router, candidates: list[Stub], ask: Ask = ASK, rounds: int = 1000
) -> Counter[str]:
    chosen = [router.choose(candidates, ask) for _ in range(rounds)]
    return Counter(one.url if one else "" for one in chosen)


# Filters


def test_ready() -> None:
    assert Ready().keep(Stub("a"), ASK)
    assert not Ready().keep(Stub("a", ready=False), ASK)


def test_not_ejected() -> None:
    assert NotEjected().keep(Stub("a"), ASK)
    assert not NotEjected().keep(Stub("a", ejection=Standing(out=True)), ASK)


def test_not_busy_until_its_own_time_has_passed() -> None:
    assert NotBusy().keep(Stub("a", busy_until=10.0), ASK)
    assert not NotBusy().keep(Stub("a", busy_until=10.1), ASK)


def test_not_tried() -> None:
    first, second = Stub("a"), Stub("a")
    ask = Ask("base", 0.0, tried=[first])
    assert not NotTried().keep(first, ask)
    assert NotTried().keep(second, ask)


def test_serves_model() -> None:
    assert ServesModel().keep(Stub("a"), ASK)
    assert ServesModel().keep(Stub("a", serves=frozenset({"base", "other"})), ASK)
    assert not ServesModel().keep(Stub("a", serves=frozenset({"other"})), ASK)


# Scorers


def test_queue_depth_takes_the_larger_count_and_what_waits() -> None:
    depth = QueueDepth(half_at=8)
    assert depth.score(Stub("a"), ASK) == 1.0
    assert depth.score(Stub("a", in_flight=8, gauges=Gauges(running=3)), ASK) == 0.5
    assert depth.score(Stub("a", in_flight=3, gauges=Gauges(running=8)), ASK) == 0.5
    assert depth.score(Stub("a", in_flight=3, gauges=Gauges(running=4, waiting=4)), ASK) == 0.5
    assert 0 < depth.score(Stub("a", in_flight=10**6), ASK) < 0.001


def test_kv_cache_room() -> None:
    assert KVCacheRoom().score(Stub("a", gauges=Gauges(kv_cache_usage=0.25)), ASK) == 0.75
    assert KVCacheRoom().score(Stub("a", gauges=Gauges(kv_cache_usage=1.3)), ASK) == 0.0


def test_adapter_residency() -> None:
    home, other = Stub("home"), Stub("other")
    ask = Ask("base", 0.0, resident=lambda candidate: candidate is home)
    assert AdapterResidency().score(home, ask) == 1.0
    assert AdapterResidency().score(other, ask) == 0.0
    assert AdapterResidency().score(other, ASK) == 1.0


def test_reliability() -> None:
    assert Reliability().score(Stub("a"), ASK) == 1.0
    assert Reliability().score(Stub("a", ejection=Standing(failing=0.75)), ASK) == 0.25


def test_prefix_affinity() -> None:
    ask = Ask("base", 0.0, prefix={"a": 0.5})
    assert PrefixAffinity().score(Stub("a"), ask) == 0.5
    assert PrefixAffinity().score(Stub("b"), ask) == 0.0


# The memory of prompts


def test_a_conversation_that_grows_is_found_by_at_least_half_of_what_it_was() -> None:
    rng = random.Random(7)
    prefixes = Prefixes()
    for length in (256, 300, 511, 512, 5000, 60_000):
        before = rng.randbytes(length)
        prefixes.learn(beginnings("p", before), f"home-{length}")
        grown = before + rng.randbytes(100)
        shares = prefixes.shares(beginnings("p", grown), len(grown))
        assert shares.keys() == {f"home-{length}"}
        assert shares[f"home-{length}"] * len(grown) > length / 2


def test_other_projects_other_beginnings_and_short_prompts_are_not_known() -> None:
    prefixes = Prefixes()
    prompt = b"x" * 1000
    prefixes.learn(beginnings("p", prompt), "home")
    for project, other in (("q", prompt), ("p", b"y" + prompt[1:]), ("p", prompt[:255])):
        assert prefixes.shares(beginnings(project, other), len(other)) == {}


def test_the_longest_beginning_counts_and_the_last_holders_are_kept() -> None:
    prefixes = Prefixes()
    system, question = b"s" * 256, b"q" * 256
    for index in range(10):
        prefixes.learn(beginnings("p", system + bytes([index]) * 256), f"r{index}")
    prefixes.learn(beginnings("p", system + question), "home")
    shares = prefixes.shares(beginnings("p", system + question), 512)
    assert shares.pop("home") == 1.0
    assert shares == {f"r{index}": 0.5 for index in range(3, 10)}


def test_the_memory_is_bounded_and_what_is_used_stays() -> None:
    prefixes = Prefixes(most=10)
    often = beginnings("p", b"o" * 256)
    for index in range(100):
        prefixes.learn(often, "home")
        prefixes.learn(beginnings("p", index.to_bytes(2, "big") * 128), "other")
        assert len(prefixes) <= 10
    assert prefixes.shares(often, 256) == {"home": 1.0}


# Picking


def test_the_better_of_two_and_equals_share() -> None:
    assert shares(router(), [Stub("busy", in_flight=5), Stub("idle")]).keys() == {"idle"}
    count = shares(router(), [Stub("a"), Stub("b"), Stub("c")])
    assert min(count.values()) > 250


@pytest.mark.parametrize("size", [3, 5, 64])
def test_only_two_are_looked_at_but_always_usable_ones(size: int) -> None:
    candidates = [Stub(f"r{i}", ready=i % 3 == 0, in_flight=i) for i in range(size)]
    count = shares(router(), candidates)
    assert set(count) <= {c.url for c in candidates if c.ready}
    looked: list[int] = []
    asked: list[int] = []
    picker = TwoChoices(random.Random(0))

    def keep(candidate: Stub) -> bool:
        asked.append(1)
        return candidate.ready

    def score(candidate: Stub) -> float:
        looked.append(1)
        return 0.0

    for _ in range(100):
        picker.pick(candidates, keep, score, None)
    assert len(looked) <= 200
    # The work does not grow with the pool.
    assert len(asked) <= 2500


def test_one_usable_among_many_is_found() -> None:
    candidates = [Stub(f"r{i}", ready=i == 63) for i in range(64)]
    assert shares(router(), candidates, rounds=100) == {"r63": 100}


def test_the_favourite_takes_part_in_each_draw() -> None:
    candidates = [Stub(f"r{i}", in_flight=1) for i in range(64)]
    ask = Ask("base", 0.0, prefix={"r9": 1.0})
    assert shares(router(), candidates, ask, 100) == {"r9": 100}
    candidates[9].in_flight = 100
    assert "r9" not in shares(router(), candidates, ask, 100)


# All together


def test_what_cannot_serve_is_never_chosen() -> None:
    down = Stub("down", ready=False)
    other = Stub("other", serves=frozenset({"another"}))
    assert router().choose([], ASK) is None
    assert router().choose([down], ASK) is None
    assert router().choose([down, other], ASK) is None
    assert shares(router(), [down, other, Stub("up", in_flight=99)]).keys() == {"up"}


def test_what_should_be_avoided_is_used_where_nothing_else_is_left() -> None:
    out = Stub("out", ejection=Standing(out=True))
    busy = Stub("busy", busy_until=99.0)
    down = Stub("down", ready=False)
    assert shares(router(), [out, busy, Stub("up", in_flight=50)]).keys() == {"up"}
    assert shares(router(), [out, busy, down]).keys() == {"out", "busy"}
    assert router().choose([out], ASK) is out
    assert {c.url for c in router().usable([out, busy, down], ASK)} == {"out", "busy"}
    assert [c.url for c in router().usable([out, Stub("up"), down], ASK)] == ["up"]


def test_affinity_gives_way_to_load() -> None:
    home, idle = Stub("home", in_flight=4), Stub("idle")
    ask = Ask("base", 0.0, prefix={"home": 1.0})
    assert shares(router(), [home, idle], ask).keys() == {"home"}
    home.in_flight = 12
    assert shares(router(), [home, idle], ask).keys() == {"idle"}


def test_what_fails_is_worse_than_any_load() -> None:
    failing = Stub("failing", ejection=Standing(failing=1.0))
    assert shares(router(), [failing, Stub("good", in_flight=500)]).keys() == {"good"}


def test_weights_of_a_pool_replace_the_defaults() -> None:
    home, idle = Stub("home", in_flight=12), Stub("idle")
    ask = Ask("base", 0.0, prefix={"home": 1.0})
    assert shares(router().with_weights({"prefix": 5.0}), [home, idle], ask).keys() == {"home"}
    assert router().with_weights({"prefix": 5.0, "nonsense": 1.0, "kv_cache": -1.0}).weights == {
        **WEIGHTS, "prefix": 5.0,
    }  # fmt: skip
    assert "nonsense" in str(wrong_weight("nonsense", 1.0))
    assert "kv_cache" in str(wrong_weight("kv_cache", -1.0))
    assert wrong_weight("kv_cache", 0.0) is None


def test_a_score_out_of_range_is_an_error() -> None:
    class Wild:
        def score(self, candidate: Candidate, ask: Ask) -> float:
            return 2.0

    wild = Router((), (), {"wild": Wild()}, {"wild": 1.0}, TwoChoices(random.Random(0)))
    with pytest.raises(ValueError, match="outside of 0 to 1"):
        wild.choose([Stub("a"), Stub("b")], ASK)


def test_a_decision_is_explained() -> None:
    down = Stub("down", ready=False, ejection=Standing(out=True))
    verdicts = router().explain([Stub("up", in_flight=8), down], ASK)
    assert [(v.url, v.refused_by, v.avoided_by) for v in verdicts] == [
        ("up", [], []),
        ("down", ["ready"], ["not_ejected"]),
    ]
    scores = verdicts[0].scores
    assert scores["queue_depth"] == 0.5
    assert verdicts[0].total == sum(WEIGHTS[name] * score for name, score in scores.items())
    line = verdicts[1].line()
    assert "queue_depth=1.000" in line
    assert "(refused by ready)" in line
    assert "(avoided by not_ejected)" in line
