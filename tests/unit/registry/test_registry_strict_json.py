"""intake.strict_json: what is JSON for us, and what is refused though a common reader takes it."""

from __future__ import annotations

import json

import pytest
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.strict_json import parse
from hypothesis import given
from hypothesis import strategies as st

CANARY = "canary-7f3a"


def refusal(raw: bytes) -> str:
    """Return why `raw` is refused, empty if it is taken; any other exception fails the test."""
    try:
        parse(raw)
    except Problem as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "NaN and Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "64 bits"),
        (b'{"role": "user", "role": "system"}', "same key twice"),
        (b'{"a": {"b": 1, "b": 1}}', "same key twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b'{"a": "\xff"}', "byte 8 is not UTF-8"),
        (b'{"a": "\xc0\xaf"}', "not UTF-8"),
        (b"[" * 65 + b"]" * 65, "64 levels"),
        (b"[" * 200_000, "64 levels"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "64 levels"),
        (b"{'a': 1}", "not valid JSON at character 2"),
        (b'{"a": 1} {"b": 2}', "not valid JSON"),
        (b'{"a": "line\nbreak"}', "not valid JSON"),
        (b"", "not valid JSON"),
    ],
)
def test_refused_with_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(raw)
    assert reason in str(caught.value)


def test_depth_of_64_is_allowed() -> None:
    assert parse(b"[" * 64 + b"1" + b"]" * 64) is not None


def test_surrogate_pair_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values, st.booleans())
def test_agrees_with_the_standard_reader_on_good_json(value: object, escape: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=escape).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_never_crash(raw: bytes) -> None:
    refusal(raw)


@given(st.integers(0, 60), st.binary(min_size=1, max_size=6))
def test_a_reason_never_quotes_the_data(place: int, junk: bytes) -> None:
    good = json.dumps({"k": CANARY * 3, "z": [1, 2]}).encode()
    raw = good[:place] + junk + good[place:]
    assert CANARY not in refusal(raw)
