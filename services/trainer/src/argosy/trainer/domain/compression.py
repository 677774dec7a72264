"""What a compression may be asked, beyond the ranges of its parameters, and what it takes.

Knows schemes and their limits. Does not know models' files or the library that quantizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.trainer.domain.memory import Architecture, Device
from argosy.trainer.domain.parameters.compression import GPTQ, W8A8
from argosy.trainer.domain.parameters.parameter import BadParameter, Value

GROUP_SIZES: Final = (32, 64, 128)
# The original and what was made of it, both in 32 bits, are measured side by side.
_BYTES_A_WEIGHT: Final = 8
_USABLE: Final = 0.9
_GIB: Final = 1 << 30


def check_asked(parameters: Mapping[str, object]) -> None:
    """Refuse what others offer and we do not, with the reason. Raises `BadParameter`."""
    if str(parameters.get("strategy", "")).lower() in ("sparsity", "sparse"):
        raise BadParameter(
            "argosy.strategy",
            "'argosy.strategy' 'sparsity' is not offered: no engine here computes sparse weights "
            "faster, and zeros that were not trained around cost quality. Leave it out to "
            "quantize; 'argosy.scheme' 'w4a16' makes the smallest result.",
        )


def check_values(
    values: Mapping[str, Value], shape: Architecture | None, device: Device | None
) -> None:
    """Refuse combinations that cannot be, and models that do not fit. Raises `BadParameter`."""
    group = values.get("group_size")
    if group is not None and values["scheme"] == W8A8:
        raise BadParameter(
            "argosy.group_size",
            "'argosy.group_size' means nothing for the scheme 'w8a8', which has a scale for each "
            "channel. Leave it out, or choose 'w8a16' or 'w4a16'.",
        )
    if group is not None and group not in GROUP_SIZES:
        raise BadParameter(
            "argosy.group_size", f"'argosy.group_size' is {group}, but must be 32, 64 or 128."
        )
    if shape is None or device is None:
        return
    need, have = memory_bytes(shape), device.memory_bytes * _USABLE
    if need > have:
        raise BadParameter(
            "model",
            f"Compressing this model needs about {need / _GIB:.1f} GiB of memory, since it is "
            f"measured beside its original, but the device has {have / _GIB:.1f} GiB to use. "
            "Choose a smaller model, or a trainer with more memory.",
        )


def memory_bytes(shape: Architecture) -> int:
    """Return about how much memory a compression takes."""
    return _BYTES_A_WEIGHT * shape.weights


def looks_at_records(values: Mapping[str, Value]) -> bool:
    """Tell whether records change the result; if not, they only measure it."""
    return values["rounding"] == GPTQ
