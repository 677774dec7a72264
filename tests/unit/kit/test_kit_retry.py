"""Back-off grows to its cap, jitters within bounds, and repeats by seed."""

import itertools
import random

from argosy.kit.retry import backoff


def test_stays_within_the_ceiling_of_each_try() -> None:
    ceilings = [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    for seed in range(50):
        delays = list(itertools.islice(backoff(base=0.1, cap=1.0, rng=random.Random(seed)), 6))
        assert all(0.05 <= d <= c for d, c in zip(delays, ceilings, strict=True))


def test_two_clients_do_not_wait_alike_and_a_seed_repeats() -> None:
    def draw(seed: int) -> list[float]:
        return list(itertools.islice(backoff(rng=random.Random(seed)), 8))

    assert draw(1) != draw(2)
    assert draw(1) == draw(1)
