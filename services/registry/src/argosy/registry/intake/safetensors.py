"""The safetensors format, read by our own bounded code as the bytes stream by.

Source of the layout: the format's README (8 bytes little-endian header size, JSON header, data).
Checks what its loaders take on trust: the header's size, that tensors fill the data without gap
or overlap, and that no value is NaN or infinite. Knows nothing of LoRA; nothing is executed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import obj, only_keys, required
from argosy.registry.intake.strict_json import parse

MAX_HEADER_BYTES: Final = 1 << 20
_MAX_DIMENSION: Final = 1 << 24
_NAME: Final = re.compile(r"[A-Za-z0-9_.]{1,512}")


@dataclass(frozen=True, slots=True)
class _FloatFormat:
    """How to see NaN and infinity: all exponent bits set, in the value's two highest bytes."""

    width: int
    high_mask: int
    next_mask: int


# Exponents: F16 5 bits, BF16 and F32 8 bits, after one sign bit.
_FORMATS: Final = {
    "F16": _FloatFormat(2, 0x7C, 0x00),
    "BF16": _FloatFormat(2, 0x7F, 0x80),
    "F32": _FloatFormat(4, 0x7F, 0x80),
}
# Bytes of a number; any pattern of bits is one.
_INTEGERS: Final = {"I8": 1, "I32": 4, "I64": 8}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the header; `begin` and `end` count bytes from the start of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsJudge:
    """Judges one file. Feed it every byte, then `finish` for its tensors.

    `integers`: whole numbers are taken too.
    """

    def __init__(self, *, integers: bool = False) -> None:
        self._integers = integers
        self._head = bytearray()
        self._header_bytes: int | None = None
        self._tensors: list[Tensor] | None = None
        self._current = 0
        self._position = 0
        self._carry = b""

    def feed(self, chunk: bytes) -> None:
        """Judge the next bytes; raises Problem."""
        if self._tensors is None:
            chunk = self._feed_head(chunk)
        if self._tensors is not None and chunk:
            self._scan(chunk, self._tensors)

    def finish(self) -> list[Tensor]:
        """Return the tensors in the order of their bytes; raises Problem if bytes are missing."""
        if self._tensors is None:
            raise Problem("", "ends before its header is complete")
        if self._position != self._tensors[-1].end:
            raise Problem("", "ends before its last tensor")
        return self._tensors

    def _feed_head(self, chunk: bytes) -> bytes:
        """Collect the header; returns the data bytes that `chunk` holds behind it."""
        self._head += chunk
        if self._header_bytes is None and len(self._head) >= 8:
            self._header_bytes = int.from_bytes(self._head[:8], "little")
            if not 2 <= self._header_bytes <= MAX_HEADER_BYTES:
                raise Problem("header", f"must have 2 to {MAX_HEADER_BYTES} bytes")
        if self._header_bytes is None or len(self._head) < 8 + self._header_bytes:
            return b""
        end = 8 + self._header_bytes
        self._tensors = _read_header(bytes(self._head[8:end]), self._integers)
        rest = bytes(self._head[end:])
        self._head.clear()
        return rest

    def _scan(self, data: bytes, tensors: list[Tensor]) -> None:
        while data:
            if self._current == len(tensors):
                raise Problem("", "has bytes behind its last tensor")
            tensor = tensors[self._current]
            mine, data = data[: tensor.end - self._position], data[tensor.end - self._position :]
            self._position += len(mine)
            if (form := _FORMATS.get(tensor.dtype)) is not None:
                # A value may straddle two chunks.
                mine = self._carry + mine
                whole = len(mine) - len(mine) % form.width
                self._carry = mine[whole:]
                if not _finite(mine[:whole], form):
                    raise Problem(f"tensor {self._current + 1}", "holds NaN or an infinite value")
            if self._position == tensor.end:
                self._current += 1


def _finite(data: bytes, form: _FloatFormat) -> bool:
    """Tell whether no value in `data` has all exponent bits set.

    Works on whole byte strings, not value by value: 100 MB take a fraction of a second without
    any numeric library in the service.
    """
    high = data[form.width - 1 :: form.width].translate(_has_all(form.high_mask))
    if form.next_mask == 0:
        return 1 not in high
    if 1 not in high:
        return True
    low = data[form.width - 2 :: form.width].translate(_has_all(form.next_mask))
    return int.from_bytes(high, "big") & int.from_bytes(low, "big") == 0


def _has_all(mask: int) -> bytes:
    """Return the table that maps a byte to 1 if it has all bits of `mask`, else to 0."""
    return bytes(int(byte & mask == mask) for byte in range(256))


def _read_header(raw: bytes, integers: bool) -> list[Tensor]:
    try:
        header = obj(parse(raw), "")
    except Problem as problem:
        raise Problem("header", problem.why) from None
    metadata = header.pop("__metadata__", None)
    if metadata is not None and not all(
        isinstance(v, str) for v in obj(metadata, "header.__metadata__").values()
    ):
        raise Problem("header.__metadata__", "must map strings to strings")
    if not header:
        raise Problem("header", "names no tensor")
    widths = {name: form.width for name, form in _FORMATS.items()}
    if integers:
        widths |= _INTEGERS
    tensors = [_read_tensor(name, entry, widths) for name, entry in header.items()]
    tensors.sort(key=lambda t: t.begin)
    position = 0
    for tensor in tensors:
        if tensor.begin != position:
            raise Problem("header", "tensors overlap or leave a gap in the data")
        position = tensor.end
    return tensors


def _read_tensor(name: str, value: Any, widths: Mapping[str, int]) -> Tensor:
    if not _NAME.fullmatch(name):
        raise Problem("header", "a tensor's name is not letters, digits, dots and underscores")
    where = f"header[{name}]"
    entry = obj(value, where)
    only_keys(entry, {"dtype", "shape", "data_offsets"}, where)
    dtype = required(entry, "dtype", where)
    if not isinstance(dtype, str) or dtype not in widths:
        raise Problem(f"{where}.dtype", f"must be one of {', '.join(sorted(widths))}")
    shape = required(entry, "shape", where)
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= 8
        or not all(_is_int(d) and 1 <= d <= _MAX_DIMENSION for d in shape)
    ):
        raise Problem(f"{where}.shape", f"must be 1 to 8 numbers from 1 to {_MAX_DIMENSION}")
    offsets = required(entry, "data_offsets", where)
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(_is_int(o) and o >= 0 for o in offsets)
        or offsets[1] - offsets[0] != math.prod(shape) * widths[dtype]
    ):
        raise Problem(f"{where}.data_offsets", "must be [begin, end] of as many bytes as the shape")
    return Tensor(name, dtype, tuple(shape), offsets[0], offsets[1])


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
