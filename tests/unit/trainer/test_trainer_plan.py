"""What "auto" becomes, how steps are counted, and which values are refused with what words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from argosy.trainer.domain.plan import BadParameter, Limits, Parameters, make_plan
from hypothesis import given
from hypothesis import strategies as st

LIMITS = Limits(context_length=2048, max_lora_rank=64, hidden_size=576)


@pytest.mark.parametrize(
    ("rows", "batch", "epochs", "steps"),
    [
        (10, 1, 8, 80),
        (50, 5, 8, 80),
        (100, 8, 7, 91),
        (1_000, 8, 3, 375),
        (8_000, 16, 3, 1_500),
        (20_000, 32, 1, 625),
        (1_000_000, 32, 1, 31_250),
    ],
)
def test_auto_makes_enough_steps_of_small_data_and_not_too_many_of_large(
    rows: int, batch: int, epochs: int, steps: int
) -> None:
    plan = make_plan(Parameters(), rows, LIMITS)
    assert (plan.batch_size, plan.n_epochs, plan.max_steps) == (batch, epochs, steps)


def test_auto_takes_the_rest_from_the_model() -> None:
    plan = make_plan(Parameters(), 100, LIMITS)
    assert plan.learning_rate == pytest.approx(1.3e-3)
    assert (plan.lora_rank, plan.max_seq_length, plan.learning_rate_multiplier) == (16, 1024, 1.0)
    assert plan.checkpoint_every_steps == 23
    small = make_plan(Parameters(), 100, Limits(context_length=512, max_lora_rank=8))
    assert (small.lora_rank, small.max_seq_length, small.learning_rate) == (8, 512, 2e-4)
    wide = make_plan(Parameters(), 100, Limits(8192, 64, hidden_size=4096))
    assert wide.learning_rate == pytest.approx(2.9e-4)


def test_what_is_asked_for_is_taken() -> None:
    asked = Parameters(
        n_epochs=2, batch_size=4, learning_rate_multiplier=0.5, lora_rank=32, learning_rate=2e-3,
        max_seq_length=256, checkpoint_every_steps=7, max_steps=30,
    )  # fmt: skip
    # Steps win over epochs; a rate wins over its multiplier.
    assert asdict(make_plan(asked, 10, LIMITS)) == asdict(asked)


def test_the_multiplier_scales_the_automatic_rate() -> None:
    once = make_plan(Parameters(), 100, LIMITS).learning_rate
    twice = make_plan(Parameters(learning_rate_multiplier=2), 100, LIMITS).learning_rate
    assert twice == pytest.approx(2 * once)


@pytest.mark.parametrize(
    ("field", "value", "name", "limits"),
    [
        ("n_epochs", 0, "hyperparameters.n_epochs", "between 1 and 50"),
        ("n_epochs", 51, "hyperparameters.n_epochs", "between 1 and 50"),
        ("batch_size", 257, "hyperparameters.batch_size", "between 1 and 256"),
        ("learning_rate_multiplier", 0.0, "hyperparameters.learning_rate_multiplier", "0.001"),
        ("learning_rate_multiplier", float("nan"), "hyperparameters.learning_rate_multiplier", ""),
        ("lora_rank", 65, "argosy.lora_rank", "between 1 and 64 (the engines' limit"),
        ("learning_rate", -1e-3, "argosy.learning_rate", "and 0.1"),
        ("learning_rate", float("inf"), "argosy.learning_rate", "and 0.1"),
        ("max_seq_length", 4096, "argosy.max_seq_length", "2048 (the model's context length)"),
        ("checkpoint_every_steps", 0, "argosy.checkpoint_every_steps", "between 1 and"),
        ("max_steps", -1, "argosy.max_steps", "between 1 and"),
    ],
)
def test_a_refusal_names_field_and_range(field: str, value: Any, name: str, limits: str) -> None:
    with pytest.raises(BadParameter) as refused:
        make_plan(Parameters(**{field: value}), 100, LIMITS)
    assert refused.value.param == name
    assert f"'{name}' is " in refused.value.message
    assert limits in refused.value.message


def test_too_many_checkpoints_are_refused_with_the_interval_that_will_do() -> None:
    with pytest.raises(BadParameter, match="Give at least 10") as refused:
        make_plan(Parameters(max_steps=1000, checkpoint_every_steps=9), 100, LIMITS)
    assert refused.value.param == "argosy.checkpoint_every_steps"
    assert make_plan(Parameters(max_steps=1000, checkpoint_every_steps=10), 100, LIMITS)


@given(rows=st.integers(1, 10**6), batch=st.none() | st.integers(1, 256))
def test_every_file_gets_a_plan_with_few_checkpoints(rows: int, batch: int | None) -> None:
    plan = make_plan(Parameters(batch_size=batch), rows, LIMITS)
    assert 1 <= plan.n_epochs <= 25
    assert 1 <= plan.max_steps // plan.checkpoint_every_steps <= 4
    assert plan.max_steps == plan.n_epochs * -(-rows // plan.batch_size)
