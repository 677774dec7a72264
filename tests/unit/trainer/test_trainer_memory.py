"""The memory estimate: near what was measured, and what follows from it."""

from __future__ import annotations

import pytest
from argosy.api.records import FULL, LORA, SFT
from argosy.trainer.domain.memory import Architecture, Device, estimate, micro_batch
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.plan import Facts, Limits, make_plan

SMALL = Architecture(hidden_size=576, layers=30, vocabulary=49_152, weights=135_000_000)
SEVEN_B = Architecture(hidden_size=4096, layers=32, vocabulary=32_000, weights=7_000_000_000)
GIB = 1 << 30


def test_the_packaged_model_takes_what_was_measured() -> None:
    """LoRA of rank 8, 4 records of 256 tokens: at most 3.5 GB."""
    memory = estimate({"max_seq_length": 256, "lora_rank": 8}, LORA, SMALL)
    assert 2.5e9 < memory.fixed + 4 * memory.record < 4.5e9


def test_a_full_update_needs_the_optimizer_too() -> None:
    values = {"max_seq_length": 256, "lora_rank": 8}
    assert estimate(values, FULL, SMALL).fixed > 3.5 * estimate(values, LORA, SMALL).fixed


@pytest.mark.parametrize(
    ("batch", "room", "micro"), [(20, 20, 20), (20, 19, 10), (20, 7, 7), (20, 1, 1), (5, 3, 3)]
)
def test_a_batch_is_split_evenly(batch: int, room: int, micro: int) -> None:
    memory = estimate({"max_seq_length": 256, "lora_rank": 8}, LORA, SMALL)
    available = int((memory.fixed + (room + 0.5) * memory.record) / 0.9)
    assert micro_batch(batch, memory, available) == micro


def test_d18_what_cannot_fit_is_refused_before_anything_is_taken() -> None:
    limits = Limits(4096, 64, SEVEN_B, Device(56 * GIB))
    assert make_plan({}, SFT, LORA, Facts(100), limits)
    with pytest.raises(BadParameter, match="Choose the scale 'lora'") as refused:
        make_plan({}, SFT, FULL, Facts(100), limits)
    assert refused.value.param == "argosy.scale"
    with pytest.raises(BadParameter, match="Give a smaller") as refused:
        make_plan({"max_seq_length": 4096}, SFT, LORA, Facts(100), limits)
    assert refused.value.param == "argosy.max_seq_length"
    asked = {"max_seq_length": 4096, "gradient_checkpointing": True}
    assert make_plan(asked, SFT, LORA, Facts(100), limits)


def test_an_accelerator_halves_weights_and_keeps_few_activations() -> None:
    gpu = Limits(4096, 64, SEVEN_B, Device(24 * GIB, accelerated=True))
    assert make_plan({"max_seq_length": 4096}, SFT, LORA, Facts(100), gpu)
