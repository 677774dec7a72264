"""How much of each source is drawn, and which amounts are refused."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.trainer.domain.asked import Source
from argosy.trainer.domain.mixing import check, drawn, resolve
from argosy.trainer.domain.parameters.parameter import BadParameter


def test_d27_a_tenth_of_500_records_is_50() -> None:
    assert drawn(500, 0.10) == 50
    assert drawn(3, 0.10) == 1
    assert drawn(500, 2) == 1_000


def test_d26_a_ratio_counts_from_the_training_file() -> None:
    found = resolve(200, [Source("general", ratio=3, records=1_000)])
    assert drawn(1_000, found[0].rate or 0) == 600


def test_p21_a_percentage_is_of_everything() -> None:
    found = resolve(
        300,
        [
            Source("general", percent=40, records=10_000),
            Source("vertical", percent=20, records=5_000),
            Source("more", rate=0.5, records=200),
        ],
    )
    general, vertical, more = (
        drawn(size, source.rate or 0)
        for size, source in zip((10_000, 5_000, 200), found, strict=True)
    )
    assert (general, vertical, more) == (400, 200, 100)
    assert general / (300 + general + vertical + more) == 0.4


@pytest.mark.parametrize(
    ("source", "param", "limits"),
    [
        ({"rate": 0.009}, "argosy.data[0].rate", "between 0.01 and 10"),
        ({"rate": 10.1}, "argosy.data[0].rate", "between 0.01 and 10"),
        ({"rate": float("nan")}, "argosy.data[0].rate", "between 0.01 and 10"),
        ({"percent": 101.0}, "argosy.data[0].percent", "between 0 and 100"),
        ({"percent": -1.0}, "argosy.data[0].percent", "between 0 and 100"),
        ({"ratio": 0.0}, "argosy.data[0].ratio", "between 0.001 and 100"),
        ({"rate": 1.0, "ratio": 1.0}, "argosy.data[0].ratio", "Give one of them"),
    ],
)
def test_p21_amounts_are_held_to_their_bounds(
    source: dict[str, Any], param: str, limits: str
) -> None:
    with pytest.raises(BadParameter, match="argosy") as refused:
        check([Source("file-1", **source)])
    assert refused.value.param == param
    assert limits in refused.value.message


def test_p21_the_bounds_themselves_are_allowed() -> None:
    check([Source("a", rate=0.01), Source("b", rate=10.0), Source("c", percent=99.0)])


def test_percentages_must_leave_something_for_the_training_file() -> None:
    with pytest.raises(BadParameter, match="sum to 100"):
        resolve(10, [Source("a", percent=60, records=5), Source("b", percent=40, records=5)])


def test_a_source_is_named_once_and_there_are_few() -> None:
    with pytest.raises(BadParameter, match="names 'a' twice"):
        check([Source("a"), Source("a", rate=0.1)])
    with pytest.raises(BadParameter, match="16 at most"):
        check([Source(str(n)) for n in range(17)])
