"""The one table of methods and parameters: complete, consistent, and with words for everything."""

from __future__ import annotations

import pytest
from argosy.api import records
from argosy.trainer.domain.methods import METHODS, SCALES, method_of, scale_of
from argosy.trainer.domain.parameters import table
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.parameters.table import LONGEST_CONTEXT, Bounds, parameters_of

BOUNDS = Bounds(LONGEST_CONTEXT, 64)

# The eight parameters of the user's document on training reports.
EIGHT = (
    "n_epochs", "learning_rate", "batch_size", "max_seq_length", "keep_checkpoints",
    "checkpoint_every_steps", "validate_every_steps", "early_stop_patience",
)  # fmt: skip


@pytest.mark.parametrize("name", EIGHT)
def test_e18_each_of_the_eight_has_its_four_texts(name: str) -> None:
    words = table.parameter(name).help
    assert all((words.meaning, words.too_large, words.too_small, words.advice, words.source))


def test_d14_epochs_say_what_too_many_and_too_few_do() -> None:
    words = table.parameter("n_epochs").help
    assert "overfit" in words.too_large
    assert "underfit" in words.too_small


def test_d02_d03_the_methods_of_the_matrix_are_there() -> None:
    assert tuple(METHODS) == records.METHODS
    assert {"post_pretrain", "sft", "dpo", "kto", "rlhf", "reward"} <= METHODS.keys()
    for method in METHODS.values():
        assert method.text
        assert method.learns_from


@pytest.mark.parametrize(
    ("said", "method"),
    [("SFT", "sft"), ("PostPretrain", "post_pretrain"), ("DPO", "dpo"), ("KTO", "kto")],
)
def test_p18_the_older_words_for_methods_are_understood(said: str, method: str) -> None:
    assert method_of(said).name == method


@pytest.mark.parametrize(
    ("said", "scale"),
    [("FullFineTuning", "full"), ("PromptTuning", "prompt_tuning"), ("LoRA", "lora")],
)
def test_d01_p18_the_older_words_for_scales_are_understood(said: str, scale: str) -> None:
    assert scale_of(said, METHODS["sft"]) == scale


def test_d01_a_scale_that_a_method_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(BadParameter, match="Available: lora, full") as refused:
        scale_of("PromptTuning", METHODS["dpo"])
    assert refused.value.param == "argosy.scale"
    with pytest.raises(BadParameter, match="Available: sft, post_pretrain"):
        method_of("magic")


def test_every_parameter_can_be_judged_and_its_default_is_allowed() -> None:
    for method in METHODS.values():
        for scale in method.scales:
            for parameter in parameters_of(method.name, scale):
                bounds, _ = table.range_of(parameter, method.name, scale, BOUNDS)
                default = parameter.default_of(method.name, scale)
                assert parameter.help.meaning, parameter.name
                assert parameter.help.source, parameter.name
                if default is not None:
                    assert parameter.judge("x", default, bounds) == default
                else:
                    assert parameter.rule, f"{parameter.name} has neither default nor rule"
                if parameter.type in ("integer", "number"):
                    assert bounds is not None, parameter.name
                    low, high = bounds.advised or (bounds.low, bounds.high)
                    assert bounds.low <= low <= high <= bounds.high, parameter.name


def test_names_and_aliases_are_told_apart() -> None:
    names = [name for p in table.TABLE for name in (p.name, *p.aliases)]
    assert len(names) == len(set(names))
    assert set(SCALES) == set(records.SCALES)
