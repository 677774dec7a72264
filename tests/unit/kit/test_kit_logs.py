"""A log line is one line of printable JSON, whatever a message holds."""

from __future__ import annotations

import json
import logging

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
