"""Which series of samples count as growth."""

from __future__ import annotations

import pytest

from benchmarks.growth import Sample, judge

_MB = 1_000_000


def _series(memory: list[float], files: list[int] | None = None) -> list[Sample]:
    files = files or [80] * len(memory)
    return [
        Sample(at=20.0 * i, requests=1000 * i, resident=round(m * _MB), files=f)
        for i, (m, f) in enumerate(zip(memory, files, strict=True))
    ]


def test_a_level_with_noise_does_not_grow() -> None:
    growth = judge(_series([50.0, 50.2, 50.1, 50.3, 50.0, 50.2, 50.1, 50.2, 50.1]))
    assert not growth.grows


def test_filling_caches_in_the_beginning_is_not_growth() -> None:
    growth = judge(_series([30.0, 40.0, 50.0, 58.0, 60.0, 60.0, 60.0, 60.1, 60.0, 60.1, 60.0]))
    assert not growth.grows


def test_memory_that_climbs_to_the_end_grows() -> None:
    growth = judge(_series([50.0 + i * 0.3 for i in range(30)]))
    assert growth.grows
    assert growth.resident == pytest.approx(0.3 * _MB * 19, rel=0.01)
    assert growth.requests == 19_000


def test_files_that_climb_grow() -> None:
    growth = judge(_series([50.0] * 30, [80 + i for i in range(30)]))
    assert growth.grows
    assert growth.resident == 0


def test_files_that_go_up_and_down_do_not_grow() -> None:
    assert not judge(_series([50.0] * 12, [80, 84, 79, 83, 80, 81, 84, 78, 80, 82, 81, 80])).grows


def test_files_that_go_up_and_down_by_much_do_not_grow_because_of_where_they_end() -> None:
    files = [138, 126, 149, 131, 124, 145, 128, 153, 127, 136]
    growth = judge(_series([50.0] * 30, [*files, *files, *[count + 4 for count in files]]))
    assert growth.files > growth.files_allowed
    assert not growth.grows


def test_files_that_climb_by_little_among_much_up_and_down_grow() -> None:
    assert judge(_series([50.0] * 30, [100 + 2 * i + 8 * (i % 3) for i in range(30)])).grows


def test_too_few_samples_are_not_judged() -> None:
    with pytest.raises(ValueError, match="too few"):
        judge(_series([50.0, 50.0]))
