"""What a compression may be asked, and what its report says."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.api.records import COMPRESSION, FULL
from argosy.trainer.domain.compression import check_asked
from argosy.trainer.domain.cost import needs
from argosy.trainer.domain.lengths import Lengths
from argosy.trainer.domain.memory import Architecture, Device
from argosy.trainer.domain.methods import method_of, scale_of
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.plan import Facts, Limits, Plan, make_plan
from argosy.trainer.reports.compression import sentences

SHAPE = Architecture(hidden_size=576, layers=30, vocabulary=49_152, weights=135_000_000)
LIMITS = Limits(2048, 64, SHAPE, Device(16 << 30))
FACTS = Facts(80, validated=True, lengths=Lengths.of([(100, 80)]))


def plan_of(limits: Limits = LIMITS, **asked: Any) -> Plan:
    return make_plan(asked, COMPRESSION, FULL, FACTS, limits)


@pytest.mark.parametrize(
    ("said", "scheme"),
    [("INT8-PTQ", "w8a8"), ("W8A16C16", "w8a16"), ("W4A16C16", "w4a16"), ("w4a16", "w4a16")],
)
def test_p26_the_older_words_for_schemes_are_understood(said: str, scheme: str) -> None:
    plan = plan_of(scheme=said, strategy="Quantization")
    assert (plan.values["scheme"], plan.values["strategy"]) == (scheme, "quantization")


@pytest.mark.parametrize("said", ["Sparsity", "sparsity"])
def test_p26_sparsity_is_refused_with_the_reason_and_a_way_out(said: str) -> None:
    with pytest.raises(BadParameter, match=r"no engine here .*'w4a16'") as refused:
        check_asked({"strategy": said})
    assert refused.value.param == "argosy.strategy"
    check_asked({"strategy": "Quantization"})


def test_g02_a_compression_is_whole_and_one_step_and_has_its_own_parameters() -> None:
    method = method_of("Compression")
    assert scale_of("", method) == FULL
    plan = plan_of()
    assert (plan.max_steps, plan.values["validation_split"]) == (1, 20.0)
    assert "learning_rate" not in plan.values
    with pytest.raises(BadParameter, match="means nothing"):
        plan_of(learning_rate=1e-4)
    with pytest.raises(BadParameter, match="means nothing"):
        make_plan({"scheme": "w8a8"}, "sft", "lora", FACTS, LIMITS)


def test_four_bits_are_rounded_by_gptq_and_only_that_looks_at_records() -> None:
    four, eight = plan_of(scheme="w4a16"), plan_of()
    assert (four.values["rounding"], eight.values["rounding"]) == ("gptq", "nearest")
    assert needs(four, FACTS.lengths, LIMITS).tokens == 80 * 100
    assert needs(eight, FACTS.lengths, LIMITS).tokens == 0


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"scheme": "w8a8", "group_size": 64}, "each channel"),
        ({"scheme": "w4a16", "group_size": 100}, "32, 64 or 128"),
        ({"scheme": "fp8"}, "must be one of 'w8a8', 'w8a16', 'w4a16'"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        plan_of(**asked)


def test_a_model_that_does_not_fit_twice_is_refused_before_it_is_loaded() -> None:
    with pytest.raises(BadParameter, match=r"1\.0 GiB of memory.* 0\.9 GiB"):
        plan_of(Limits(2048, 64, SHAPE, Device(1 << 30)))


def test_s15_a_size_is_told_as_what_is_left_of_it() -> None:
    told = list(
        sentences({"bytes_before": 200e6, "bytes_after": 60e6, "size_ratio": 0.3, "other": 1.0})
    )
    assert told == ["compressed to 30.0% of its size: from 200.0 MB at 16 bits a weight to 60.0 MB"]


def test_g03_speed_and_quality_are_told_side_by_side() -> None:
    told = list(
        sentences(
            {
                "perplexity_before": 3.0,
                "perplexity_after": 3.3,
                "perplexity_change": 0.1,
                "held_out_records": 12.0,
                "tokens_per_second_before": 20.0,
                "tokens_per_second_after": 30.0,
                "latency_p95_ms_before": 90.0,
                "latency_p95_ms_after": 60.0,
            }
        )
    )
    assert told[0] == ("perplexity on 12 held-out records: 3.000 before, 3.300 after (+10.0%)")
    assert told[1].startswith("tokens a second: 20.0 before, 30.0 after (1.50 times)")
    assert told[2].startswith("ms an answer, the 95th percentile: 90.0 before, 60.0 after (0.67")
