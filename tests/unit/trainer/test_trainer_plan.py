"""What "auto" becomes, how steps are counted, and which values are refused with what words."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.api.records import (
    DPO,
    FULL,
    KTO,
    LEARNING,
    LORA,
    METHODS,
    POST_PRETRAIN,
    PROMPT_TUNING,
    RLHF,
    SFT,
)
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.memory import Architecture
from argosy.trainer.domain.methods import METHODS as KNOWN
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.plan import Facts, Limits, Plan, make_plan
from hypothesis import given
from hypothesis import strategies as st

SMALL = Architecture(hidden_size=576, layers=30, vocabulary=49_152, weights=148_000_000)
LIMITS = Limits(context_length=2048, max_lora_rank=64, architecture=SMALL)


def plan_of(
    asked: dict[str, Any] | None = None,
    rows: int = 100,
    limits: Limits = LIMITS,
    *,
    method: str = SFT,
    scale: str = LORA,
    **facts: Any,
) -> Plan:
    return make_plan(asked or {}, method, scale, Facts(rows, **facts), limits)


@pytest.mark.parametrize(
    ("rows", "batch", "epochs", "steps"),
    [
        (10, 1, 8, 80),
        (50, 5, 8, 80),
        (100, 10, 8, 80),
        (1_000, 20, 3, 150),
        (8_000, 20, 3, 1_200),
        (20_000, 20, 1, 1_000),
        (1_000_000, 20, 1, 50_000),
    ],
)
def test_auto_makes_enough_steps_of_small_data_and_not_too_many_of_large(
    rows: int, batch: int, epochs: int, steps: int
) -> None:
    plan = plan_of(rows=rows)
    assert (plan.whole("batch_size"), plan.whole("n_epochs"), plan.max_steps) == (
        batch,
        epochs,
        steps,
    )


def test_auto_takes_the_rest_from_the_model() -> None:
    values = plan_of().values
    assert values["learning_rate"] == pytest.approx(1.4e-3)
    assert (values["lora_rank"], values["lora_alpha"], values["max_seq_length"]) == (16, 32, 1024)
    assert values["checkpoint_every_steps"] == 20
    small = plan_of(limits=Limits(context_length=512, max_lora_rank=8)).values
    assert (small["lora_rank"], small["max_seq_length"]) == (8, 512)


@pytest.mark.parametrize("width", [None, 4096])
def test_p20_a_blank_learning_rate_is_the_scales_own(width: int | None) -> None:
    shape = Architecture(width, 32, 100, 0) if width else None
    limits = Limits(8192, 64, shape)

    def rate(scale: str) -> Any:
        return plan_of(limits=limits, scale=scale).values["learning_rate"]

    assert [rate(scale) for scale in (LORA, FULL, PROMPT_TUNING)] == [3e-4, 3e-5, 0.03]


def test_d15_lora_starts_at_3e_4_and_full_lower() -> None:
    plain = Limits(8192, 64)
    lora, full = (
        plan_of(limits=plain, scale=scale).number("learning_rate") for scale in ("lora", "full")
    )
    assert lora == 3e-4 > full


def test_s02_every_method_has_a_lower_rate_for_a_full_update() -> None:
    for method in LEARNING:
        lora, full = (
            plan_of(method=method, scale=scale).number("learning_rate") for scale in (LORA, FULL)
        )
        assert full < lora / 5, method


def test_what_is_asked_for_is_taken() -> None:
    asked = {
        "n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 0.5, "lora_rank": 32,
        "learning_rate": 2e-3, "max_seq_length": 256, "checkpoint_every_steps": 7, "max_steps": 30,
        "lora_alpha": 8.0, "lora_dropout": 0.1, "target_modules": ("q_proj", "v_proj"),
        "lr_scheduler": "linear", "warmup_ratio": 0.0, "weight_decay": 0.01,
        "keep_checkpoints": 2, "logging_steps": 5, "gradient_checkpointing": True,
    }  # fmt: skip
    # Steps win over epochs; a rate wins over its multiplier.
    assert plan_of(asked, 10).values.items() >= asked.items()


def test_the_multiplier_scales_the_automatic_rate() -> None:
    once = plan_of().number("learning_rate")
    twice = plan_of({"learning_rate_multiplier": 2}).number("learning_rate")
    assert twice == pytest.approx(2 * once)


@pytest.mark.parametrize(
    ("field", "value", "name", "limits"),
    [
        ("n_epochs", 0, "hyperparameters.n_epochs", "between 1 and 50"),
        ("n_epochs", 51, "hyperparameters.n_epochs", "between 1 and 50"),
        ("n_epochs", 1.5, "hyperparameters.n_epochs", "an integer"),
        ("n_epochs", True, "hyperparameters.n_epochs", "an integer"),
        ("n_epochs", "many", "hyperparameters.n_epochs", "an integer"),
        ("batch_size", 257, "hyperparameters.batch_size", "between 1 and 256"),
        ("learning_rate_multiplier", 0.0, "hyperparameters.learning_rate_multiplier", "0.001"),
        ("learning_rate_multiplier", float("nan"), "hyperparameters.learning_rate_multiplier", ""),
        ("lora_rank", 65, "argosy.lora_rank", "between 1 and 64 (the engines' limit"),
        ("learning_rate", -1e-3, "argosy.learning_rate", "and 0.02"),
        ("learning_rate", float("inf"), "argosy.learning_rate", "and 0.02"),
        ("max_seq_length", 4096, "argosy.max_seq_length", "2048 (the model's context length)"),
        ("checkpoint_every_steps", 0, "argosy.checkpoint_every_steps", "between 1 and"),
        ("max_steps", -1, "argosy.max_steps", "between 1 and"),
        ("lr_scheduler", "sideways", "argosy.lr_scheduler", "'cosine', 'linear'"),
        ("gradient_checkpointing", 1, "argosy.gradient_checkpointing", "true or false"),
        ("target_modules", "q_proj", "argosy.target_modules", "'all-linear', or 1 to"),
        ("target_modules", ("../x",), "argosy.target_modules", "'all-linear', or 1 to"),
        ("rank", 8, "argosy.rank", "Unknown parameter: 'argosy.rank'. Did you mean 'lora_rank'?"),
        ("beta", 0.1, "argosy.beta", "means nothing for the method 'sft'"),
        ("nll_coefficient", 1, "argosy.nll_coefficient", "means nothing for the method 'sft'"),
    ],
)
def test_a_refusal_names_field_and_range(field: str, value: Any, name: str, limits: str) -> None:
    with pytest.raises(BadParameter) as refused:
        plan_of({field: value})
    assert refused.value.param == name
    assert f"'{name}'" in refused.value.message
    assert limits in refused.value.message


def test_d16_a_learning_rate_above_the_range_is_refused_with_it() -> None:
    for scale, high in ((LORA, "0.02"), (FULL, "0.002"), (PROMPT_TUNING, "0.5")):
        with pytest.raises(BadParameter, match=f"and {high}") as refused:
            plan_of({"learning_rate": 0.9}, scale=scale)
        assert refused.value.param == "argosy.learning_rate"


@pytest.mark.parametrize(
    ("key", "good", "bad", "limits"),
    [
        ("epoch", 3, 51, "between 1 and 50"),
        ("batchSize", 4, 0, "between 1 and 256"),
        ("learningRate", 1e-4, 1, "between 1e-07 and 0.02"),
        ("maxSeqLen", 1024, 8, "between 16 and 2048"),
        ("loggingSteps", 10, 101, "between 1 and 100"),
        ("warmupRatio", 0.03, 0.6, "between 0 and 0.5"),
        ("weightDecay", 0.01, 1.1, "between 0 and 1"),
        ("loraRank", 8, 1000, "between 1 and 64"),
        ("loraAllLinear", "True", "perhaps", "true or false"),
        ("schedulerName", "cosine", "zigzag", "'constant_with_warmup'"),
        ("loraAlpha", 32, 0, "between 1 and 1024"),
        ("loraDropout", 0.1, 0.95, "between 0 and 0.9"),
        ("loraTargetModules", ("q_proj",), (), "1 to 64 names"),
    ],
)
def test_p19_the_older_keys_are_understood_and_refused_with_their_range(
    key: str, good: Any, bad: Any, limits: str
) -> None:
    assert plan_of({key: good})
    with pytest.raises(BadParameter) as refused:
        plan_of({key: bad})
    assert refused.value.param == f"argosy.{key}"
    assert limits in refused.value.message


def test_a_parameter_under_two_names_is_refused() -> None:
    with pytest.raises(BadParameter, match="given twice"):
        plan_of({"lora_rank": 8, "loraRank": 16})


def test_too_many_checkpoints_are_refused_with_the_interval_that_will_do() -> None:
    with pytest.raises(BadParameter, match="Give at least 10") as refused:
        plan_of({"max_steps": 1000, "checkpoint_every_steps": 9})
    assert refused.value.param == "argosy.checkpoint_every_steps"
    assert plan_of({"max_steps": 1000, "checkpoint_every_steps": 10})
    assert plan_of({"max_steps": 1000, "checkpoint_every_steps": 1, "keep_checkpoints": 5})


@given(rows=st.integers(1, 10**6), batch=st.none() | st.integers(1, 256))
def test_d23_every_file_gets_a_checkpoint_every_100_steps_at_most(
    rows: int, batch: int | None
) -> None:
    plan = plan_of({"batch_size": batch} if batch else {}, rows)
    every, epochs = plan.whole("checkpoint_every_steps"), plan.whole("n_epochs")
    assert 1 <= epochs <= 25
    assert 1 <= every <= 100
    if plan.max_steps >= 400:
        assert every == 100
    if 200 <= plan.max_steps < 400:
        assert 50 <= every <= 100
    assert plan.max_steps == epochs * -(-rows // plan.whole("batch_size"))


@given(rows=st.integers(10, 10**6))
def test_d17_a_blank_batch_is_the_largest_up_to_20_that_small_data_allows(rows: int) -> None:
    batch = plan_of(rows=rows).whole("batch_size")
    assert batch == min(20, rows // 10)


def test_d19_the_sequence_is_the_smallest_that_the_longest_record_fits_into() -> None:
    def length(longest: int, context: int = 8192) -> Any:
        lengths = Lengths.of([(20, 9), (longest, 1)])
        return plan_of(limits=Limits(context, 64), lengths=lengths).values["max_seq_length"]

    assert [length(n) for n in (20, 128, 129, 1000, 2049, 9000)] == [
        128, 128, 256, 1024, 4096, 8192,
    ]  # fmt: skip
    assert length(1500, context=2000) == 2000


def test_d24_validation_every_10_to_20_steps_and_0_turns_it_off() -> None:
    def every(asked: dict[str, Any], rows: int = 100) -> Any:
        return plan_of(asked, rows, validated=True).values["validate_every_steps"]

    assert (every({}), every({}, 8_000), every({"validate_every_steps": 0})) == (10, 20, 0)
    assert every({"max_steps": 8}) == 2
    assert plan_of().values["validate_every_steps"] == 0


@pytest.mark.parametrize("asked", [{"early_stop_patience": 3}, {"publish": "best"}])
def test_what_goes_by_validation_needs_some(asked: dict[str, Any]) -> None:
    with pytest.raises(BadParameter, match="'validation_file'"):
        plan_of(asked)
    assert plan_of(asked, validated=True)
    with pytest.raises(BadParameter, match="above 0"):
        plan_of({**asked, "validate_every_steps": 0}, validated=True)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_plan_at_each_of_its_scales(method: str) -> None:
    for scale in KNOWN[method].scales:
        plan = plan_of(method=method, scale=scale)
        assert plan == Plan.from_json(plan.to_json())
        assert ("lora_rank" in plan.values) is (scale == LORA)
        assert ("virtual_tokens" in plan.values) is (scale == PROMPT_TUNING)


@pytest.mark.parametrize(("records", "epochs"), [(48, 3), (1_000, 2), (5_000, 1)])
def test_comparisons_are_gone_over_a_few_times_only(records: int, epochs: int) -> None:
    """Twelve steps of eight pairs at 3e-4 made the packaged model talk in circles."""
    for method in (DPO, KTO):
        assert plan_of(method=method, rows=records).whole("n_epochs") == epochs
    assert plan_of(method=DPO, rows=48).number("learning_rate") == 9.2e-5


def test_methods_have_their_own_parameters() -> None:
    assert plan_of(method=DPO).values["beta"] == 0.1
    assert plan_of(method=DPO).values["nll_coefficient"] == 1.0
    assert "nll_coefficient" not in plan_of(method=KTO).values
    assert plan_of(method=RLHF, asked={"compute_multiplier": 2.0}).values["generations"] == 8
    assert (
        plan_of(method=RLHF).whole("n_epochs")
        == plan_of(method=POST_PRETRAIN).whole("n_epochs")
        == 1
    )
