"""Which lines a run learns from: rates, seeds and numbers through several files."""

from pathlib import Path

import pytest
from argosy.trainer.worker.data.sources import draw, read
from argosy.trainer.worker.spec import Source


def write(path: Path, count: int) -> Path:
    path.write_text("".join(f'{{"n": {n}}}\n' for n in range(count)), "utf-8")
    return path


def numbers(sources: list[Source], seed: int = 1) -> list[int]:
    return [number for number, _ in read(draw(sources, seed))]


def test_d27_a_rate_of_a_tenth_draws_the_same_50_of_500_for_the_same_seed(tmp_path: Path) -> None:
    source = Source(write(tmp_path / "a.jsonl", 500), 0.10)
    drawn = numbers([source])
    assert len(drawn) == len(set(drawn)) == 50
    assert numbers([source]) == drawn
    assert numbers([source], seed=2) != drawn


def test_d26_counts_are_told_for_each_source(tmp_path: Path) -> None:
    drawn = draw(
        [
            Source(write(tmp_path / "own.jsonl", 10)),
            Source(write(tmp_path / "general.jsonl", 40), 0.25),
        ],
        seed=1,
    )
    assert [(each.first, each.records, each.sampled()) for each in drawn] == [
        (1, 10, 10),
        (11, 40, 10),
    ]


def test_lines_are_numbered_through_all_files_as_an_editor_counts_them(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("{}\n\n{}\n", "utf-8")
    second.write_text("{}\n{}", "utf-8")
    assert numbers([Source(first), Source(second)]) == [1, 3, 4, 5]


@pytest.mark.parametrize(("rate", "expected"), [(1.0, 7), (2.0, 14), (1.5, 10), (0.001, 1)])
def test_a_rate_above_one_repeats_and_the_least_is_one_record(
    tmp_path: Path, rate: float, expected: int
) -> None:
    drawn = numbers([Source(write(tmp_path / "a.jsonl", 7), rate)])
    assert len(drawn) == expected
    if rate >= 1:
        assert set(drawn) == set(range(1, 8))
