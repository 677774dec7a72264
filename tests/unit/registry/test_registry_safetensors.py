"""intake.safetensors: headers that lie, data that does not fit, values that are not finite."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.safetensors import MAX_HEADER_BYTES, SafetensorsJudge, Tensor
from hypothesis import example, given
from hypothesis import strategies as st

from tests.harness import adapters


def judge(data: bytes, step: int = 1000) -> list[Tensor]:
    judge = SafetensorsJudge()
    for start in range(0, len(data), step):
        judge.feed(data[start : start + step])
    return judge.finish()


@given(st.integers(1, 200))
def test_a_good_file_passes_in_pieces_of_any_size(step: int) -> None:
    tensors = judge(adapters.weights(), step)
    assert [t.name for t in tensors] == [adapters.lora_name("A"), adapters.lora_name("B")]


def one(**changes: Any) -> bytes:
    entry: dict[str, Any] = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **changes}
    return adapters.header({"t": entry}) + bytes(16)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack("<Q", 2**63), "header"),
        (struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}", f"2 to {MAX_HEADER_BYTES} bytes"),
        (struct.pack("<Q", 0), "header"),
        (struct.pack("<Q", 100) + b"{}", "before its header"),
        (b"\x80\x04\x95", "before its header"),
        (adapters.header({}), "names no tensor"),
        (adapters.header({"__metadata__": {"a": 1}}), "strings to strings"),
        (struct.pack("<Q", 2) + b"[]", "must be an object"),
        (struct.pack("<Q", 14) + b'{"t":1,"t":{}}', "same key twice"),
        (one(dtype="I64"), "dtype"),
        (one(dtype="F8_E4M3"), "dtype"),
        (one(shape=[2, -2]), "shape"),
        (one(shape=[]), "shape"),
        (one(shape=[2, True]), "shape"),
        (one(shape=[1 << 40, 1 << 40]), "shape"),
        (one(shape=[2, 3]), "data_offsets"),
        (one(data_offsets=[0, 12]), "data_offsets"),
        (one(data_offsets=[-16, 0]), "data_offsets"),
        (one(data_offsets=[16, 32]), "overlap or leave a gap"),
        (one(data_offsets=[0]), "data_offsets"),
        (one(extra=1), "may only have the keys"),
        (one() + b"x", "behind its last tensor"),
        (one()[:-1], "before its last tensor"),
    ],
)
def test_lying_headers(data: bytes, reason: str) -> None:
    with pytest.raises(Problem) as caught:
        judge(data)
    assert reason in str(caught.value)


@pytest.mark.parametrize("second", [[0, 16], [8, 24], [17, 33]])
def test_overlaps_and_gaps_between_tensors(second: list[int]) -> None:
    entries = {
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "F32", "shape": [2, 2], "data_offsets": second},
    }
    with pytest.raises(Problem, match="overlap or leave a gap"):
        judge(adapters.header(entries) + bytes(40))


def test_names_with_odd_characters_are_refused() -> None:
    for name in ("../x", "a\u202eb", "x" * 600, ""):
        with pytest.raises(Problem, match="name"):
            judge(
                adapters.header({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
                + bytes(4)
            )


def _as_float(dtype: str, raw: bytes) -> float:
    if dtype == "F16":
        return float(struct.unpack("<e", raw)[0])
    if dtype == "BF16":
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    return float(struct.unpack("<f", raw)[0])


@given(st.sampled_from(["F16", "BF16", "F32"]), st.binary(min_size=4, max_size=64), st.data())
@example("F32", struct.pack("<2f", 1.0, math.inf), None)
@example("F32", struct.pack("<2f", -math.inf, 1.0), None)
@example("F32", struct.pack("<f", math.nan), None)
@example("F32", struct.pack("<f", 3.4028234e38), None)
@example("BF16", b"\x80\x7f", None)
@example("BF16", b"\x7f\x7f", None)
@example("F16", b"\x00\x7c", None)
@example("F16", b"\xff\x7b", None)
def test_non_finite_values_are_found_and_only_they(
    dtype: str, raw: bytes, data: st.DataObject | None
) -> None:
    width = adapters.WIDTH[dtype]
    raw = raw[: len(raw) - len(raw) % width]
    values = [_as_float(dtype, raw[i : i + width]) for i in range(0, len(raw), width)]
    file = adapters.safetensors([("t", dtype, [len(values)], raw)])
    step = data.draw(st.integers(1, 50)) if data is not None else 7
    if all(math.isfinite(v) for v in values):
        assert judge(file, step)[0].shape == (len(values),)
    else:
        with pytest.raises(Problem, match="NaN or an infinite"):
            judge(file, step)


@given(st.binary(max_size=120))
def test_any_header_is_read_or_refused(junk: bytes) -> None:
    with pytest.raises(Problem):
        judge(struct.pack("<Q", len(junk)) + junk)
