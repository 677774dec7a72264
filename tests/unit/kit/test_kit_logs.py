"""A log line is one line of printable JSON, whatever a message holds."""

from __future__ import annotations

import json
import logging
import secrets
import sys

import pytest
from argosy.kit.logs import JsonFormatter


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nb",
        "a\u2028b\u2029c\x85d",
        "\x1b[2J",
        "\x9b2J\x7f",
        "\u202etxt",
        "\0",
        "\U000e0001",
        "\ud800",
    ],
    ids=ascii,
)
def test_a_line_is_one_printable_line_of_json(text: str) -> None:
    record = logging.makeLogRecord({"name": text, "msg": text, "field": {text: text}})
    line = JsonFormatter("gateway").format(record)
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    entry = json.loads(line)
    assert (entry["message"], entry["logger"], entry["field"]) == (text, text, {text: text})


def test_what_can_be_read_stays_readable() -> None:
    record = logging.makeLogRecord({"msg": "调优完成 – fertig"})
    assert "调优完成 – fertig" in JsonFormatter("trainer").format(record)


def raised(word: str) -> logging.LogRecord:
    """A record of an exception whose text, and whose cause's, quote a word."""
    try:
        try:
            int(word)
        except ValueError as error:
            raise KeyError(word) from error
    except KeyError:
        return logging.makeLogRecord({"msg": "it failed", "exc_info": sys.exc_info()})


def test_an_exceptions_text_is_left_out_and_its_place_is_not() -> None:
    word = f"word-{secrets.token_hex(8)}"
    shown = json.loads(JsonFormatter("gateway").format(raised(word)))["exception"]
    assert word not in shown
    first, last = shown.split("which came of")
    assert "builtins.KeyError" in first
    assert "builtins.ValueError" in last
    assert "test_kit_logs.py" in last


def test_an_operator_may_want_the_text() -> None:
    word = f"word-{secrets.token_hex(8)}"
    line = JsonFormatter("gateway", exception_texts=True).format(raised(word))
    assert word in json.loads(line)["exception"]


def test_what_the_system_says_and_each_of_a_group_is_shown() -> None:
    word = f"word-{secrets.token_hex(8)}"
    try:
        raise ExceptionGroup(word, [OSError(28, "No space left"), ValueError(word)])
    except ExceptionGroup:
        record = logging.makeLogRecord({"msg": "it failed", "exc_info": sys.exc_info()})
    shown = json.loads(JsonFormatter("gateway").format(record))["exception"]
    assert "builtins.OSError: [Errno 28] No space left" in shown
    assert "builtins.ValueError" in shown
    assert word not in shown
