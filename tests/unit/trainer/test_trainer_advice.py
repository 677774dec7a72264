"""Hints on a plan: what is said, and that it never stops a job."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.api.records import DPO, FULL, LORA, POST_PRETRAIN, PROMPT_TUNING, SFT
from argosy.trainer.domain.advice import Advice, advise
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.memory import Architecture, Device
from argosy.trainer.domain.plan import Facts, Limits, make_plan
from argosy.trainer.domain.suggestion import PRACTITIONERS, PRODUCT, epochs, suggest
from hypothesis import given
from hypothesis import strategies as st

WIDE = Limits(8192, 64)


def hints(
    rows: int = 100,
    asked: dict[str, Any] | None = None,
    *,
    method: str = SFT,
    scale: str = LORA,
    limits: Limits = WIDE,
    **facts: Any,
) -> dict[str, Advice]:
    known = Facts(rows, **facts)
    plan = make_plan(asked or {}, method, scale, known, limits)
    return {each.code: each for each in advise(plan, known, limits)}


@pytest.mark.parametrize(("records", "rounds"), [(100, 15), (1_000, 10), (10_000, 2)])
def test_d12_the_practitioners_rule_at_its_points(records: int, rounds: int) -> None:
    rule, _ = suggest(records)
    assert (rule.value, rule.source) == (rounds, PRACTITIONERS)


def test_d12_between_the_points_it_is_linear_in_the_logarithm() -> None:
    # 316 is half-way from 100 to 1,000 in logarithms, 3,162 from 1,000 to 10,000.
    assert epochs(316) in (12, 13)
    assert epochs(3_162) == 6


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_d13_more_data_never_gets_more_rounds(one: int, other: int) -> None:
    few, many = sorted((one, other))
    assert epochs(few) >= epochs(many)


def test_s01_both_schools_are_named() -> None:
    rule, product = suggest(100)
    assert (rule.source, rule.value) == (PRACTITIONERS, 15)
    assert (product.source, product.value) == (PRODUCT, 5)


def test_d11_from_1000_records_on_6_epochs_get_advice() -> None:
    assert 1 <= make_plan({}, SFT, LORA, Facts(1_000), WIDE).whole("n_epochs") <= 5
    assert "1 to 5 are advised" in hints(1_000, {"n_epochs": 6})["many_epochs"].message
    assert "many_epochs" not in hints(1_000, {"n_epochs": 5})
    assert "many_epochs" not in hints(100, {"n_epochs": 15})


def test_d10_prompt_tuning_is_not_advised() -> None:
    assert "not advised" in hints(scale=PROMPT_TUNING)["prompt_tuning_weak"].message


def test_d09_lora_fits_under_1000_records() -> None:
    assert "under 1,000" in hints(800)["lora_fits"].message
    assert "lora_fits" not in hints(1_000)
    assert "forgets" in hints(800, scale=FULL)["full_update_on_few"].message


def test_c29_s04_few_records_are_a_hint() -> None:
    assert "1,000" in hints(999)["few_records"].message
    assert "few_records" not in hints(1_000)
    assert "few_records" not in hints(50, method=DPO)


def test_c30_few_tokens_are_a_hint_with_their_count() -> None:
    lengths = Lengths.of([(100, 1_234)])
    few = hints(1_234, method=POST_PRETRAIN, lengths=lengths)["few_tokens"]
    assert "has 123,400 tokens" in few.message
    many = Lengths.of([(1_000_000, 1_000)])
    assert "few_tokens" not in hints(1_000, method=POST_PRETRAIN, lengths=many)


def test_c31_many_long_records_ask_for_a_longer_context() -> None:
    lengths = Lengths.of([(100, 85), (5_000, 15)])
    short = hints(lengths=lengths, limits=Limits(4096, 64))["context_too_short"]
    assert "15.0% of the records" in short.message
    assert "8k" in short.message
    assert "context_too_short" not in hints(lengths=lengths)
    few = Lengths.of([(100, 95), (5_000, 5)])
    assert "context_too_short" not in hints(lengths=few, limits=Limits(4096, 64))


def test_c32_the_preview_counts_what_will_be_dropped() -> None:
    lengths = Lengths.of([(100, 93), (600, 7)])
    found = hints(asked={"max_seq_length": 512}, lengths=lengths)["records_dropped"]
    assert "7 of 100 will be dropped" in found.message
    assert "records_dropped" not in hints(lengths=lengths)


def test_d21_s13_more_checkpoints_than_epochs_get_advice() -> None:
    asked = {"n_epochs": 5, "keep_checkpoints": 6}
    assert "1 to 5" in hints(asked=asked)["many_checkpoints"].message
    assert "many_checkpoints" not in hints(asked=asked | {"keep_checkpoints": 5})


def test_d18_a_batch_that_does_not_fit_is_trained_in_parts() -> None:
    shape = Architecture(hidden_size=4096, layers=32, vocabulary=32_000, weights=7_000_000_000)
    limits = Limits(4096, 64, shape, Device(80 << 30))
    found = hints(asked={"batch_size": 16}, limits=limits)["batch_in_parts"]
    assert "in parts of" in found.message


@pytest.mark.parametrize(("rate", "said"), [(1e-6, True), (3e-4, False), (5e-3, True)])
def test_an_unusual_learning_rate_is_said(rate: float, *, said: bool) -> None:
    assert ("unusual_learning_rate" in hints(asked={"learning_rate": rate})) is said


def test_what_is_chosen_by_rule_draws_no_advice_on_values() -> None:
    for rows in (10, 100, 5_000):
        found = hints(rows, validated=True)
        assert not {"unusual_value", "unusual_learning_rate", "many_epochs"} & found.keys(), found
