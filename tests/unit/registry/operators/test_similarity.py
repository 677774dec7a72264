"""ROUGE-L, SimHash and the index of hashes."""

from __future__ import annotations

import random

import pytest
from argosy.registry.datasets.operators.similarity import SimHashIndex, rouge_l, simhash
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def common(one: list[str], other: list[str]) -> int:
    """Return the length of the longest common subsequence, as its definition says it."""
    if not one or not other:
        return 0
    if one[0] == other[0]:
        return 1 + common(one[1:], other[1:])
    return max(common(one[1:], other), common(one, other[1:]))


@given(WORDS.map(lambda words: words[:7]), WORDS.map(lambda words: words[:7]))
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(
    one: list[str], other: list[str]
) -> None:
    expected = 2 * common(one, other) / (len(one) + len(other)) if one and other else None
    assert rouge_l(one, other) == (
        float(one == other) if expected is None else pytest.approx(expected)
    )


@pytest.mark.parametrize("distance", [0, 1, 4, 10])
def test_the_index_finds_what_is_near_and_nothing_else(distance: int) -> None:
    chance = random.Random(distance)
    index = SimHashIndex(distance)
    kept = [chance.getrandbits(64) for _ in range(300)]
    for value in kept:
        index.add(value)
    for _ in range(300):
        value = chance.choice(kept)
        for bit in chance.sample(range(64), chance.randint(0, 14)):
            value ^= 1 << bit
        near = min((value ^ other).bit_count() for other in kept) <= distance
        assert index.has_near(value) == near


def test_texts_that_share_most_runs_of_words_differ_in_few_bits() -> None:
    chance = random.Random(1)
    words = [f"w{chance.randint(0, 500)}" for _ in range(200)]
    near = [*words[:198], "x", "y"]
    far = [f"w{chance.randint(0, 500)}" for _ in range(200)]
    assert (simhash(" ".join(words)) ^ simhash(" ".join(near))).bit_count() <= 6
    assert (simhash(" ".join(words)) ^ simhash(" ".join(far))).bit_count() > 16
    assert simhash("") == simhash("")
