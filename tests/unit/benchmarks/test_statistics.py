"""Middle values, ratios and slopes."""

from __future__ import annotations

import pytest

from benchmarks.statistics import least_slope, median, ratio, slope


def test_median_of_nothing_is_nothing() -> None:
    assert median([]) is None
    assert median([3.0, 1.0, 100.0]) == 3.0
    assert median([1.0, 2.0]) == 1.5


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [(6.0, 3.0, 2.0), (None, 3.0, None), (6.0, None, None), (6.0, 0.0, None), (6.0, -1.0, None)],
)
def test_ratio_needs_both_and_a_base_above_zero(
    value: float | None, base: float | None, expected: float | None
) -> None:
    assert ratio(value, base) == expected


def test_slope_is_growth_per_unit_of_time() -> None:
    assert slope([0, 10, 20, 30], [100, 150, 200, 250]) == 5.0
    assert slope([0, 10, 20], [7, 7, 7]) == 0.0


def test_slope_is_not_moved_by_outliers() -> None:
    times = list(range(20))
    level = [500.0] * 20
    level[3] = level[11] = 9000.0
    assert slope(times, level) == 0.0


def test_slope_does_not_depend_on_the_order_of_samples() -> None:
    assert slope([30, 0, 10], [9, 0, 2]) == pytest.approx(0.3)


def test_slope_of_one_moment_is_zero() -> None:
    assert slope([5, 5], [1, 9]) == 0.0
    assert slope([], []) == 0.0


def test_the_least_slope_is_near_the_slope_where_nothing_fluctuates() -> None:
    assert least_slope(range(20), [3 * at for at in range(20)]) == 3.0
    assert least_slope(range(20), [7] * 20) == 0.0


def test_a_slope_within_what_fluctuates_may_be_none_at_all() -> None:
    values = [138, 126, 149, 131, 124, 145, 128, 153, 127, 141]
    assert slope(range(10), values) > 0
    assert least_slope(range(10), values) < 0


def test_of_few_points_nothing_is_told() -> None:
    assert least_slope([1, 2, 3], [1, 2, 3]) == float("-inf")
    assert least_slope([], []) == float("-inf")
