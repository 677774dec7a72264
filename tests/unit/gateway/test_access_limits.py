"""access.limits: what may be used, what is told, what is given back. Time is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argosy.api.registry.v1.registry_pb2 import Limits as LimitsMessage
from argosy.api.registry.v1.registry_pb2 import Model, Price
from argosy.gateway.access.caller import Caller
from argosy.gateway.access.cells import Cells
from argosy.gateway.access.limits import Limits, Reservation
from argosy.gateway.access.local_cells import LocalCells
from argosy.gateway.access.prices import cost_of
from argosy.gateway.errors import render
from argosy.gateway.served_model import ServedModel
from argosy.kit.clock import ManualClock
from argosy.kit.errors import QuotaExceeded, RateLimited
from prometheus_client import CollectorRegistry

MODEL = ServedModel(
    Model(id="m", price=Price(input=1_000_000, cached_input=100_000, output=4_000_000))
)


class Jumping(ManualClock):
    """A clock whose wall time can be set without the monotonic one."""

    def set_wall(self, by: timedelta) -> None:
        self._now += by


class Desk:
    def __init__(self, shared: Path | None = None) -> None:
        self.clock = Jumping(datetime(2026, 1, 1, 23, 0, tzinfo=UTC))
        self.metrics = CollectorRegistry()
        self.cells = LocalCells(self.clock) if shared is None else Cells(self.clock, shared)
        self.limits = Limits(
            self.cells,
            lambda model: model.tariff,
            clock=self.clock,
            metrics=self.metrics,
        )

    def caller(self, key: LimitsMessage | None, project: LimitsMessage | None = None) -> Caller:
        return Caller("key_a", "proj_a", "org", key_limits=key, project_limits=project)

    def reserve(self, caller: Caller, tokens: int = 10) -> Reservation:
        return self.limits.reserve(caller, MODEL, tokens)

    def refused(self, caller: Caller, tokens: int = 10) -> tuple[RateLimited, dict[str, str]]:
        with pytest.raises(RateLimited) as caught:
            self.reserve(caller, tokens)
        rendered = render(caught.value)
        assert rendered.status == 429
        return caught.value, {name.decode(): value.decode() for name, value in rendered.headers}


@pytest.fixture(params=["alone", "shared"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "limits" if request.param == "shared" else None)
    yield desk
    desk.cells.close()


def told(reservation: Reservation) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in reservation.headers()}


def test_requests_slide_out_of_the_minute(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(requests_per_minute=3))
    desk.clock.advance(100)
    desk.reserve(caller)
    desk.clock.advance(30)
    assert told(desk.reserve(caller)) == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "1m0s",
    }
    desk.reserve(caller)
    error, headers = desk.refused(caller)
    assert error.code == "rate_limit_exceeded"
    assert "requests per minute. Limit 3, used 3, requested 1. Try again in 31s" in error.message
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("31", "31000")
    assert headers["x-ratelimit-remaining-requests"] == "0"
    # A refused request counts nowhere; the way out that was told is one.
    desk.clock.advance(31)
    desk.reserve(caller)
    desk.refused(caller)


def test_no_minute_ever_holds_more_than_the_limit(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(requests_per_minute=100))
    times: list[float] = []
    for _ in range(3000):
        desk.clock.advance(0.1)
        try:
            desk.reserve(caller)
        except RateLimited:
            continue
        times.append(desk.clock.monotonic())
    for index, begin in enumerate(times):
        within = sum(1 for when in times[index : index + 200] if when < begin + 60)
        assert within <= 100
    # 300 s are five minutes: with the oldest second counted whole, 2 % may be lost.
    assert 490 <= len(times) <= 500


def test_tokens_are_reserved_and_settled_where_they_were_taken(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(tokens_per_minute=1000))
    first = desk.reserve(caller, 900)
    assert told(first)["x-ratelimit-remaining-tokens"] == "100"
    error, headers = desk.refused(caller, 200)
    assert "tokens per minute. Limit 1000, used 900, requested 200." in error.message
    assert headers["retry-after"] == "61"
    desk.clock.advance(20)
    first.settle(50, 0, 50)
    assert told(desk.reserve(caller, 200))["x-ratelimit-remaining-tokens"] == "700"
    # 60 s after the first its tokens are gone, and what was given back does not count below zero.
    desk.clock.advance(41)
    assert told(desk.reserve(caller, 800))["x-ratelimit-remaining-tokens"] == "0"


def test_what_an_estimate_missed_is_counted_when_it_is_known(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(tokens_per_minute=1000))
    long = desk.reserve(caller, 10)
    desk.clock.advance(120)
    long.settle(100, 0, 800)
    assert told(desk.reserve(caller, 10))["x-ratelimit-remaining-tokens"] == "100"


def test_a_request_larger_than_the_limit_is_told_so_and_not_retried(desk: Desk) -> None:
    error, headers = desk.refused(desk.caller(LimitsMessage(tokens_per_minute=100)), 101)
    assert "The request alone is over the limit" in error.message
    assert headers["x-should-retry"] == "false"


def test_under_way(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(concurrent_requests=2))
    one, two = desk.reserve(caller), desk.reserve(caller)
    error, headers = desk.refused(caller)
    assert error.code == "concurrent_requests_exceeded"
    assert "Limit 2, used 2" in error.message
    assert headers["retry-after"] == "1"
    one.settle(1, 0, 1)
    one.settle(1, 0, 1)
    one.cancel()
    three = desk.reserve(caller)
    desk.refused(caller)
    two.cancel()
    three.cancel()
    assert [desk.reserve(caller), desk.reserve(caller)]


def test_cancelled_requests_count_nowhere(desk: Desk) -> None:
    limits = LimitsMessage(
        requests_per_minute=1, tokens_per_minute=10, tokens_per_day=10, concurrent_requests=1,
        micros_per_day=40,
    )  # fmt: skip
    caller = desk.caller(limits, limits)
    for _ in range(5):
        reservation = desk.reserve(caller)
        desk.refused(caller)
        desk.clock.advance(1.5)
        reservation.cancel()
        reservation.settle(1000, 0, 1000)


def test_the_day_has_its_own_tokens(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(tokens_per_day=1000))
    desk.reserve(caller, 1000).settle(500, 0, 100)
    desk.clock.advance(600)
    error, headers = desk.refused(caller, 401)
    assert (
        "tokens per day. Limit 1000, used 600, requested 401. Try again in 50m0s" in error.message
    )
    assert headers["retry-after"] == "3000"
    assert headers["x-should-retry"] == "false"
    late = desk.reserve(caller, 400)
    desk.clock.advance(3000)
    # Settled on the next day: what was too much belongs to yesterday, what was too little to today.
    late.settle(10, 0, 10)
    over = desk.reserve(caller, 1000)
    desk.refused(caller, 1)
    desk.clock.advance(86_400)
    over.settle(1000, 0, 500)
    desk.reserve(caller, 500)
    desk.refused(caller, 1)


def test_money_is_exact(desk: Desk) -> None:
    # 1,000 input and 500 output tokens cost 1,000 x 1 + 500 x 4 = 3,000 micro-units.
    caller = desk.caller(LimitsMessage(micros_per_day=10_000))
    for _ in range(3):
        desk.reserve(caller, 10).settle(1000, 0, 500)
    # 900 of the input from the cache: 100 x 1 + 900 x 0.1 + 0 = 190.
    desk.reserve(caller, 10).settle(1000, 900, 0)
    error, headers = desk.refused(caller, 203)
    assert isinstance(error, QuotaExceeded)
    assert (error.code, error.openai_type) == ("insufficient_quota", "insufficient_quota")
    assert "Limit 10000, used 9190, requested 812." in error.message
    assert headers["x-should-retry"] == "false"
    desk.reserve(caller, 202).cancel()
    assert cost_of(MODEL.tariff, 3, 1, 0) == 2_100_000
    assert cost_of(MODEL.tariff, 3, 9, 0) == 300_000
    assert cost_of(None, 3, 9, 0) == 0


def test_the_project_holds_for_its_keys_together(desk: Desk) -> None:
    project = LimitsMessage(requests_per_minute=3)
    keys = [
        Caller(f"key_{name}", "proj_a", "org", key_limits=limits, project_limits=project)
        for name, limits in (("a", LimitsMessage(requests_per_minute=2)), ("b", None))
    ]
    desk.reserve(keys[0])
    assert told(desk.reserve(keys[0]))["x-ratelimit-remaining-requests"] == "0"
    error, _ = desk.refused(keys[0])
    assert "of the key" in error.message
    assert told(desk.reserve(keys[1]))["x-ratelimit-limit-requests"] == "3"
    error, _ = desk.refused(keys[1])
    assert "of the project" in error.message
    value = desk.metrics.get_sample_value
    labels = {"limit": "requests_per_minute", "who": "project"}
    assert value("argosy_gateway_limited_requests_total", labels) == 1
    labels["who"] = "key"
    assert value("argosy_gateway_limited_requests_total", labels) == 1


def test_a_project_may_have_limits_for_single_models(desk: Desk) -> None:
    named = {"m": LimitsMessage(requests_per_minute=2), "other": LimitsMessage(tokens_per_minute=5)}
    keys = [Caller(name, "proj_a", "org", model_limits=named) for name in ("key_a", "key_b")]
    desk.reserve(keys[0])
    assert told(desk.reserve(keys[1]))["x-ratelimit-limit-requests"] == "2"
    error, _ = desk.refused(keys[0])
    assert "of the project for this model" in error.message
    # A tuned model counts with its base, and other models are free.
    with pytest.raises(RateLimited):
        desk.limits.reserve(keys[0], ServedModel(Model(id="ft:m", base="m")), 1)
    assert told(desk.limits.reserve(keys[0], ServedModel(Model(id="free")), 10)) == {}
    # Another project of the same model has its own.
    desk.reserve(Caller("key_c", "proj_b", "org", model_limits=named))


def test_other_callers_other_limits_and_none(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(requests_per_minute=1))
    desk.reserve(caller)
    desk.refused(caller)
    assert told(desk.reserve(desk.caller(None, LimitsMessage()))) == {}
    # A raised limit holds at once, and what was used stays used.
    raised = desk.caller(LimitsMessage(requests_per_minute=3))
    assert told(desk.reserve(raised))["x-ratelimit-remaining-requests"] == "1"


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_wall_clock_does_not_matter(desk: Desk, hours: int) -> None:
    caller = desk.caller(
        LimitsMessage(requests_per_minute=2, tokens_per_day=25, concurrent_requests=3)
    )
    desk.reserve(caller)
    desk.clock.set_wall(timedelta(hours=hours))
    desk.reserve(caller)
    error, headers = desk.refused(caller)
    assert (error.code, headers["retry-after"]) == ("rate_limit_exceeded", "61")
    desk.clock.set_wall(timedelta(hours=12 * hours))
    desk.clock.advance(61)
    error, headers = desk.refused(caller)
    assert "tokens per day" in error.message
    # The day that began an hour before midnight still ends there.
    assert headers["retry-after"] == str(3600 - 61)


def test_huge_numbers_do_not_overflow(desk: Desk) -> None:
    most = 2**63 - 1
    caller = desk.caller(
        LimitsMessage(tokens_per_minute=most, tokens_per_day=most, micros_per_day=most)
    )
    model = ServedModel(Model(id="m", price=Price(input=most, output=most)))
    for _ in range(1000):
        desk.limits.reserve(caller, model, most).settle(most // 4, 0, most // 4)


# What other machines have used of a day


def today(desk: Desk) -> int:
    return desk.cells.day(desk.clock.monotonic())


def test_what_the_ledger_has_beyond_our_own_counts_against_the_day(desk: Desk) -> None:
    caller = desk.caller(LimitsMessage(tokens_per_day=100), LimitsMessage(tokens_per_day=1000))
    desk.reserve(caller, 10).settle(5, 0, 5)
    assert desk.limits.limited_by_day() == {"key": {"key_a"}, "project": {"proj_a"}}
    # The ledger is behind: it holds half of what was counted here.
    for _ in range(2):
        desk.limits.learn_day(today(desk), {("key", "key_a"): (5, 0)})
    desk.reserve(caller, 90).settle(0, 0, 0)
    # Now it has ours, and sixty of another gateway; told twice, it is the same sixty.
    for _ in range(2):
        desk.limits.learn_day(today(desk), {("key", "key_a"): (70, 0), ("key", "key_b"): (9, 9)})
    error, _ = desk.refused(caller, 31)
    assert "tokens per day. Limit 100, used 70, requested 31." in error.message
    # What is used here comes on top, before the ledger knows of it.
    desk.reserve(caller, 20).settle(10, 0, 10)
    desk.refused(caller, 11)
    desk.limits.learn_day(today(desk), {("key", "key_a"): (90, 0)})
    desk.reserve(caller, 10)


def test_money_of_the_day_too_and_another_day_is_no_news(desk: Desk) -> None:
    caller = desk.caller(None, LimitsMessage(micros_per_day=100))
    desk.reserve(caller, 1).cancel()
    desk.limits.learn_day(today(desk), {("project", "proj_a"): (0, 96 * 1_000_000)})
    desk.reserve(caller, 1).cancel()
    error, _ = desk.refused(caller, 2)
    assert isinstance(error, QuotaExceeded)
    desk.clock.advance(3601)
    # Midnight: nothing is used of the new day, and what is told of the last one is too late.
    desk.limits.learn_day(today(desk) - 1, {("project", "proj_a"): (0, 96 * 1_000_000)})
    desk.reserve(caller, 20)


def test_a_newcomer_with_a_limit_of_a_day_is_asked_for_at_once(desk: Desk) -> None:
    desk.reserve(Caller("key_z", "proj_z", "org", key_limits=LimitsMessage(tokens_per_minute=9)), 1)
    assert not desk.limits.newcomer.is_set()
    desk.reserve(desk.caller(LimitsMessage(tokens_per_day=100)))
    assert desk.limits.newcomer.is_set()
