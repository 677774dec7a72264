"""intake.file_judge: limits, line numbers and reasons of a whole upload."""

from __future__ import annotations

import json

import pytest
from argosy.kit.errors import InvalidRequest, TooLarge
from argosy.registry.domain.files import Purpose
from argosy.registry.intake.file_judge import FileJudge, FileLimits
from hypothesis import given
from hypothesis import strategies as st

LIMITS = FileLimits(max_bytes=100_000, max_rows=50, max_line_bytes=10_000)
LINE = (
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": "Q"},
                {"role": "assistant", "content": "A"},
            ]
        }
    ).encode()
    + b"\n"
)


def run(data: bytes, purpose: Purpose = Purpose.FINE_TUNE, step: int = 64) -> int:
    judge = FileJudge(purpose, LIMITS)
    for start in range(0, len(data), step):
        judge.feed(data[start : start + step])
    return judge.finish()


def refusal(data: bytes, purpose: Purpose = Purpose.FINE_TUNE) -> str:
    with pytest.raises(InvalidRequest) as caught:
        run(data, purpose)
    assert caught.value.param == "file"
    return caught.value.message


@given(st.integers(1, 40), st.integers(1, 500), st.booleans())
def test_rows_are_counted_however_the_bytes_come(rows: int, step: int, ended: bool) -> None:
    data = LINE * rows
    assert run(data if ended else data[:-1], step=step) == rows


def test_blank_lines_and_crlf_are_no_rows() -> None:
    assert run(b"\n" + LINE.replace(b"\n", b"\r\n") + b"  \n" + LINE + b"\n\n") == 2


@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_byte_order_marks_are_named(bom: bytes) -> None:
    assert "line 1: starts with a byte order mark" in refusal(bom + LINE)


def test_a_bad_line_is_named_by_its_number_in_the_file() -> None:
    assert refusal(LINE + b"\n" + b'{"messages": []}\n' + LINE) == (
        "line 3: messages: must be a non-empty list."
    )


def test_a_last_line_without_end_is_judged_too() -> None:
    assert refusal(LINE + b'{"messages": ').startswith("line 2: not valid JSON")


def test_a_line_that_is_no_object() -> None:
    assert refusal(b"[1, 2]\n") == "line 1: must be an object."


def test_a_lone_carriage_return_is_refused() -> None:
    assert "carriage return" in refusal(LINE.replace(b"{", b"{\r", 1))


def test_empty_files_are_refused() -> None:
    assert "empty" in refusal(b"")
    assert "no record" in refusal(b"\n \n\n")
    assert "empty" in refusal(b"", Purpose.USER_DATA)


def test_too_many_rows_names_the_limit_and_the_line() -> None:
    assert "line 51: the file has more rows than the limit of 50" in refusal(LINE * 60)


def test_too_many_bytes_is_too_large_for_every_purpose() -> None:
    for purpose in (Purpose.FINE_TUNE, Purpose.USER_DATA):
        judge = FileJudge(purpose, LIMITS)
        blank = b" " * 9_999 + b"\n"  # ten of these are within the row limit
        for _ in range(10):
            judge.feed(blank)
        with pytest.raises(TooLarge, match="limit of 100000 bytes"):
            judge.feed(b"\n")


def test_too_many_blank_lines() -> None:
    assert "line 52: the file has more than 50 blank lines" in refusal(LINE + b"\n" * 60)


def test_free_content_is_taken_as_it_is() -> None:
    assert run(b"\xff\x00\xef\xbb\xbf", Purpose.USER_DATA) == 0


@given(st.binary(min_size=1, max_size=300), st.sampled_from([Purpose.FINE_TUNE, Purpose.BATCH]))
def test_any_bytes_are_refused_with_a_line_or_taken(data: bytes, purpose: Purpose) -> None:
    try:
        run(data, purpose, step=7)
    except InvalidRequest as error:
        message = error.message
    else:
        return
    assert message.startswith("line ") or "no record" in message


@given(st.text(min_size=1, max_size=20).filter(lambda t: len(t.strip()) > 3))
def test_a_refusal_never_quotes_the_file(secret: str) -> None:
    marker = "canary" + secret
    for record in (
        {"messages": [{"role": marker, "content": marker}]},
        {"messages": [{"role": "user", "content": "Q", marker: marker}]},
        {"messages": [{"role": "user", "content": [{"type": marker}]}], marker: 1},
    ):
        message = refusal(json.dumps(record).encode())
        assert "canary" not in message
