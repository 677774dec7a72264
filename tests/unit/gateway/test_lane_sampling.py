"""Which requests are recorded, and what goes on to those that they cause."""

from __future__ import annotations

import pytest
from argosy.gateway.lane.sampling import Sampler, passed_on

SAMPLED = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
UNSAMPLED = SAMPLED[:-2] + b"00"
FRESH = "0123456789abcdef" * 2


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_the_callers_decision_holds(ratio: float) -> None:
    assert Sampler(ratio).wants(SAMPLED)
    assert not Sampler(ratio).wants(UNSAMPLED)


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"nonsense",
        SAMPLED.upper(),
        SAMPLED + b"\n",
        b"00-" + b"0" * 32 + SAMPLED[35:],
        SAMPLED[:36] + b"0" * 16 + b"-01",
        b"ff" + SAMPLED[2:],
    ],
)
def test_what_is_no_parent_decides_nothing_and_is_not_passed_on(parent: bytes) -> None:
    assert Sampler(1.0).wants(parent)
    assert not Sampler(0.0).wants(parent)
    assert passed_on(parent, FRESH) == f"00-{FRESH}-{FRESH[:16]}-00".encode()


def test_a_share_of_new_traces_is_recorded() -> None:
    sampler = Sampler(0.3)
    assert 2700 < sum(sampler.wants(b"") for _ in range(10_000)) < 3300


def test_an_unrecorded_parent_is_passed_on_as_it_is() -> None:
    assert passed_on(UNSAMPLED, FRESH) == UNSAMPLED


def test_without_a_receiver_nothing_is_recorded() -> None:
    assert not Sampler(None).wants(SAMPLED)
    assert not Sampler(None).wants(b"")
