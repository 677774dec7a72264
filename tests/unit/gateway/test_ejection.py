"""When a replica is set aside, for how long, and how it comes back. Times are given."""

from __future__ import annotations

import random

from argosy.gateway.engines.ejection import Ejection, EjectionPolicy
from argosy.gateway.lane.dispatch.budget import RetryBudget


def ejection(**policy: float) -> Ejection:
    known = {"base_seconds": 5.0, "cap_seconds": 15.0, "jitter": 0.0} | policy
    return Ejection(EjectionPolicy(**known), random.Random(0))  # type: ignore[arg-type]


def out(state: Ejection, now: float) -> None:
    while not state.failed(now, allowed=True):
        pass


def test_failures_in_a_row_eject_and_a_success_breaks_the_row() -> None:
    state = ejection(failures=2)
    assert not state.failed(0.0, allowed=True)
    state.succeeded(0.0)
    assert not state.failed(0.0, allowed=True)
    assert state.failed(0.0, allowed=True)
    assert state.active(4.9)
    assert not state.admits(4.9)
    assert state.admits(5.0)


def test_a_share_of_failures_within_the_window_ejects() -> None:
    state = ejection(failures=99)
    for second in range(4):
        state.succeeded(second / 10)
        assert not state.failed(second / 10, allowed=True)
    state.succeeded(0.5)
    assert state.failed(0.5, allowed=True)


def test_failures_that_are_long_ago_do_not_count() -> None:
    state = ejection(failures=99)
    for _ in range(9):
        state.failed(0.0, allowed=True)
    assert not state.failed(10.0, allowed=True)
    for _ in range(10):
        state.succeeded(10.0)
    assert not state.failed(10.0, allowed=True)


def test_one_grave_failure_is_enough() -> None:
    state = ejection()
    assert state.failed(0.0, allowed=True, grave=True)
    assert not state.admits(1.0)


def test_one_request_tries_it_and_only_its_success_opens_the_way() -> None:
    state = ejection()
    out(state, 0.0)
    # What was sent before says nothing of it now.
    state.succeeded(1.0)
    assert not state.admits(1.0)
    assert state.admits(5.0)
    state.begin(5.0)
    assert not state.admits(5.0)
    state.left()
    assert state.admits(5.0)
    state.begin(5.0)
    state.began()
    assert state.admits(5.1)
    state.begin(5.1)
    assert state.admits(5.1)


def test_a_failed_trial_ejects_for_longer_up_to_the_cap() -> None:
    state = ejection()
    out(state, 0.0)
    now = 0.0
    for seconds in (5.0, 10.0, 15.0, 15.0):
        assert not state.admits(now + seconds - 0.1)
        now += seconds
        assert state.admits(now)
        state.begin(now)
        assert state.failed(now, allowed=True)


def test_good_days_make_past_ejections_forgotten() -> None:
    state = ejection()
    out(state, 0.0)
    state.begin(5.0)
    state.succeeded(5.0)
    # Its failures are still within the window.
    out(state, 6.0)
    assert not state.admits(15.9)
    state.begin(16.0)
    state.succeeded(16.0)
    state.succeeded(27.0)
    out(state, 28.0)
    assert state.admits(33.0)


def test_what_the_pool_cannot_do_without_stays_but_is_known_to_fail() -> None:
    state = ejection(failures=2)
    assert not state.failed(0.0, allowed=False)
    assert state.failure_share(0.0) == 0.0
    assert not state.failed(0.0, allowed=False)
    assert state.admits(0.0)
    assert state.failure_share(0.0) == 1.0
    # Nothing was asked of it for a while: it gets another chance.
    assert state.failure_share(11.0) == 0.0
    state.failed(11.0, allowed=False)
    assert state.failure_share(11.0) == 1.0
    state.succeeded(11.5)
    assert state.failure_share(11.5) == 0.0


def test_replicas_that_fell_together_return_at_different_times() -> None:
    policy = EjectionPolicy(base_seconds=5.0, jitter=0.2)
    ends = set()
    for seed in range(20):
        state = Ejection(policy, random.Random(seed))
        out(state, 0.0)
        assert 5.0 <= state.until <= 6.0
        ends.add(round(state.until, 6))
    assert len(ends) > 15


def test_retries_stay_within_a_fifth_of_the_requests() -> None:
    budget = RetryBudget()
    retries = 0
    for _ in range(1000):
        budget.request()
        retries += budget.take()
    assert 100 < retries <= 200
