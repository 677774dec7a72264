"""A model whose linear layers are integers: what its tensors stand for, and how it says so.

Knows the format of compressed-tensors as engines load it: `int-quantized` (a byte a weight, a scale
a channel) and `pack-quantized` (4 or 8 bits a weight in 32-bit words, a scale a group). What is
stored of the configuration is written here, from the few values that may differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from argosy.registry.intake.problems import Problem
from argosy.registry.intake.safetensors import Tensor
from argosy.registry.intake.shapes import obj, required

CONFIG_KEY: Final = "quantization_config"
_INT: Final = "int-quantized"
_PACKED: Final = "pack-quantized"
_GROUPS: Final = (32, 64, 128)
_MOST_IGNORED: Final = 256
# A module's path, or a pattern of such: it is matched, never run.
_IGNORED: Final = re.compile(r"(re:)?[A-Za-z0-9_.*]{1,256}")
_WORD_BITS: Final = 32
_INTEGERS: Final = frozenset({"I8", "I32", "I64"})


@dataclass(frozen=True, slots=True)
class Scheme:
    """How weights are packed. `group` 0: one scale for each channel, and 8-bit activations."""

    bits: int
    group: int
    ignore: tuple[str, ...]

    def stored(self) -> dict[str, Any]:
        """Return the configuration to store, which engines read."""
        packed = bool(self.group)
        weights: dict[str, Any] = {
            "num_bits": self.bits,
            "type": "int",
            "symmetric": True,
            "strategy": "group" if packed else "channel",
            "group_size": self.group or None,
            "dynamic": False,
        }
        activations = {
            "num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True,
        }  # fmt: skip
        name = _PACKED if packed else _INT
        return {
            "quant_method": "compressed-tensors",
            "quantization_status": "compressed",
            "format": name,
            "ignore": list(self.ignore),
            "config_groups": {
                "group_0": {
                    "targets": ["Linear"],
                    "format": name,
                    "weights": weights,
                    "input_activations": None if packed else activations,
                }
            },
        }


def read_scheme(config: dict[str, Any]) -> Scheme:
    """Read a configuration's scheme; raises Problem."""
    found = obj(required(config, CONFIG_KEY, "the configuration"), CONFIG_KEY)
    if found.get("quant_method") != "compressed-tensors":
        raise Problem(f"{CONFIG_KEY}.quant_method", 'must be "compressed-tensors"')
    groups = obj(required(found, "config_groups", CONFIG_KEY), f"{CONFIG_KEY}.config_groups")
    if len(groups) != 1:
        raise Problem(f"{CONFIG_KEY}.config_groups", "must have one group")
    where = f"{CONFIG_KEY}.config_groups.weights"
    group = obj(next(iter(groups.values())), f"{CONFIG_KEY}.config_groups")
    weights = obj(required(group, "weights", f"{CONFIG_KEY}.config_groups"), where)
    bits, strategy = weights.get("num_bits"), weights.get("strategy")
    ignore = found.get("ignore") or []
    if weights.get("type") != "int" or weights.get("symmetric") is not True:
        raise Problem(where, "must be symmetric integers")
    if (
        not isinstance(ignore, list)
        or len(ignore) > _MOST_IGNORED
        or not all(isinstance(name, str) and _IGNORED.fullmatch(name) for name in ignore)
    ):
        raise Problem(f"{CONFIG_KEY}.ignore", "must be a list of modules' names")
    if strategy == "channel" and bits == 8 and found.get("format") == _INT:
        return Scheme(8, 0, tuple(ignore))
    size = weights.get("group_size")
    if (
        strategy == "group"
        and bits in (4, 8)
        and size in _GROUPS
        and found.get("format") == _PACKED
    ):
        return Scheme(bits, size, tuple(ignore))
    raise Problem(where, "must have 8 bits a channel, or 4 or 8 bits in groups of 32, 64 or 128")


def originals(
    tensors: Sequence[Tensor], shapes: Mapping[str, tuple[int, ...]], scheme: Scheme
) -> list[Tensor]:
    """Return what the tensors stand for: those of plain numbers, and one for each packed weight.

    `shapes` are the base's. Raises Problem where the parts of a weight do not fit together.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    parts: set[str] = set()
    unpacked: list[Tensor] = []
    for tensor in tensors:
        if tensor.dtype not in _INTEGERS or tensor.name.endswith("_shape"):
            continue
        name = tensor.name.removesuffix("_packed")
        shape = shapes.get(name)
        if shape is None or len(shape) != 2:
            raise Problem("", "holds integers for a tensor that the base model does not have")
        wanted = _parts(name, shape, scheme)
        found = {part: by_name[part] for part in wanted if part in by_name}
        if found.keys() != wanted.keys() or any(
            part.shape != wanted[key][0] or part.dtype not in wanted[key][1]
            for key, part in found.items()
        ):
            raise Problem("", "has a packed weight whose parts do not fit together")
        parts |= found.keys()
        unpacked.append(Tensor(name, tensor.dtype, shape, tensor.begin, tensor.end))
    if not unpacked:
        raise Problem("", "holds no integers, so nothing is compressed")
    plain = [tensor for tensor in tensors if tensor.name not in parts]
    if any(tensor.dtype in _INTEGERS for tensor in plain):
        raise Problem("", "holds integers that belong to no weight")
    return plain + unpacked


def _parts(
    name: str, shape: tuple[int, ...], scheme: Scheme
) -> dict[str, tuple[tuple[int, ...], frozenset[str]]]:
    """Return the tensors that one weight becomes, each with its shape and formats."""
    rows, columns = shape
    floats = frozenset({"BF16", "F16", "F32"})
    if not scheme.group:
        return {
            name: ((rows, columns), frozenset({"I8"})),
            f"{name}_scale": ((rows, 1), floats),
        }
    words = math.ceil(columns * scheme.bits / _WORD_BITS)
    return {
        f"{name}_packed": ((rows, words), frozenset({"I32"})),
        f"{name}_scale": ((rows, columns // scheme.group), floats),
        f"{name}_shape": ((2,), frozenset({"I64", "I32"})),
    }
