"""What a run needs of its device's memory, before it takes any: weights, optimizer, activations.

An estimate from the model's shape, on the safe side of what was measured (LoRA on a model of
135 million weights, 1,024 tokens in a pass: 3.5 GB). Knows sizes; does not know devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from argosy.api.records import FULL
from argosy.trainer.domain.parameters.parameter import BadParameter, Value

_FLOAT: Final = 4
# Weights and activations on an accelerator.
_HALF: Final = 2
# Kept per token and layer for the backward pass, in floats per unit of width.
_ACTIVATIONS: Final = 34
# With gradient checkpointing only the layers' inputs are kept.
_CHECKPOINTED: Final = 4
# Logits, their softmax and their gradient.
_LOGITS: Final = 3
# Gradient and Adam's two moments.
_OPTIMIZER: Final = 3
_USABLE: Final = 0.9
_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model's shape. `weights` are how many numbers it has."""

    hidden_size: int
    layers: int
    vocabulary: int
    weights: int


@dataclass(frozen=True, slots=True)
class Device:
    """What trains: how much memory it has, and whether it is an accelerator.

    On one, weights are kept in 16 bits, and activations are computed twice unless told otherwise.
    """

    memory_bytes: int
    accelerated: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """`fixed` whatever the batch is, `record` for each record in a forward pass; bytes."""

    fixed: int
    record: int


def estimate(
    values: Mapping[str, Value], scale: str, shape: Architecture, *, accelerated: bool = False
) -> Memory:
    """Return what a run with these parameters needs."""
    width = _HALF if accelerated else _FLOAT
    trained = shape.weights if scale == FULL else _adapter_weights(values, shape)
    fixed = width * shape.weights + _FLOAT * _OPTIMIZER * trained
    checkpointed = values.get("gradient_checkpointing", accelerated)
    kept = _CHECKPOINTED if checkpointed else _ACTIVATIONS
    token = width * shape.layers * shape.hidden_size * kept + _FLOAT * _LOGITS * shape.vocabulary
    return Memory(fixed, token * int(str(values["max_seq_length"])))


def micro_batch(batch: int, memory: Memory, available: int) -> int:
    """Return how many records of a batch fit into one pass; 0 if not even one does.

    Parts of a batch are equal, so that accumulating them is the same as one pass.
    """
    fitting = int((available * _USABLE - memory.fixed) // memory.record)
    parts = -(-batch // fitting) if fitting > 0 else 0
    return -(-batch // parts) if parts else 0


def check(
    values: Mapping[str, Value], scale: str, shape: Architecture | None, device: Device | None
) -> None:
    """Refuse what cannot fit even record by record. Raises `BadParameter`."""
    if shape is None or device is None:
        return
    memory = estimate(values, scale, shape, accelerated=device.accelerated)
    if micro_batch(1, memory, device.memory_bytes):
        return
    usable = device.memory_bytes * _USABLE
    need, have = (memory.fixed + memory.record) / _GIB, usable / _GIB
    text = f"needs about {need:.1f} GiB of memory, but the device has {have:.1f} GiB to use."
    if memory.fixed >= usable:
        raise BadParameter(
            "argosy.scale",
            f"Training this model at the scale '{scale}' {text} "
            "Choose the scale 'lora' or a smaller model.",
        )
    raise BadParameter(
        "argosy.max_seq_length",
        f"A single record of {values['max_seq_length']} tokens {text} "
        "Give a smaller 'argosy.max_seq_length', or turn on 'argosy.gradient_checkpointing'.",
    )


def _adapter_weights(values: Mapping[str, Value], shape: Architecture) -> int:
    """LoRA on the seven linear layers of a block, whose sides sum to about 24 widths."""
    rank = values.get("lora_rank", 0)
    if not isinstance(rank, int):
        return 0
    return rank * shape.hidden_size * shape.layers * 24
