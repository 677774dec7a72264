"""The estimate of the finish follows the pace of the steps."""

from __future__ import annotations

import pytest
from argosy.trainer.domain.estimate import Estimate


def test_nothing_is_known_before_the_first_step() -> None:
    estimate = Estimate()
    estimate.begin(100.0)
    assert estimate.remaining(10) is None


def test_the_first_step_sets_the_pace_and_later_ones_move_it() -> None:
    estimate = Estimate()
    estimate.begin(100.0)
    assert estimate.step(104.0) == 4.0
    assert estimate.remaining(10) == pytest.approx(42.0)
    assert estimate.step(114.0) == 10.0
    assert estimate.remaining(9) == pytest.approx(9 * 5.2 + 2)
    for number in range(50):
        estimate.step(124.0 + 10 * number)
    assert estimate.remaining(1) == pytest.approx(12.0, rel=0.01)


def test_a_step_whose_start_was_not_seen_teaches_nothing() -> None:
    estimate = Estimate()
    assert estimate.step(50.0) is None
    assert estimate.remaining(1) is None
    assert estimate.step(53.0) == 3.0
