"""The child's lines: what they mean, and that noise is told from them."""

from __future__ import annotations

import contextlib

import pytest
from argosy.trainer.domain import worker_lines as lines
from hypothesis import given
from hypothesis import strategies as st


def test_each_event_is_read() -> None:
    step = (
        b'{"event":"step","step":1,"train_loss":2.1,"train_mean_token_accuracy":0.5,'
        b'"learning_rate":0.001,"grad_norm":1.2,"tokens":744,"tokens_per_second":170.0}'
    )
    assert lines.parse(b'{"event":"started","total_steps":80,"records":9,"resumed_from":20}\n') == (
        lines.Started(80, 20)
    )
    assert lines.parse(step) == lines.Step(1, 2.1, 0.5, 0.001, 1.2, 744, 170.0)
    assert lines.parse(
        b'{"event":"validation","step":10,"valid_loss":1.9,"valid_mean_token_accuracy":0.6}'
    ) == lines.Validation(10, 1.9, 0.6)
    assert lines.parse(b'{"event":"checkpoint","step":10,"path":"/x"}') == (
        lines.CheckpointWritten(10)
    )
    assert lines.parse(b'{"event":"finished","step":80,"path":"/x"}') == lines.Finished(80)
    assert lines.parse(b'{"event":"failed","reason":"disk_full","message":"m"}') == (
        lines.Failed("disk_full", "m")
    )


@pytest.mark.parametrize("value", [b"null", b"NaN", b"Infinity", b"-Infinity"])
def test_a_loss_that_is_no_number_becomes_unknown(value: bytes) -> None:
    line = lines.parse(b'{"event":"step","step":3,"tokens":1,"train_loss":' + value + b"}")
    assert isinstance(line, lines.Step)
    assert line.train_loss is None


@pytest.mark.parametrize(
    "noise",
    [
        b"", b"Loading: 100%", b"{", b"[]", b"1", b"null", b"\xff\xfe", b"{}",
        b'{"event":"unknown"}', b'{"event":"step"}', b'{"event":"step","step":"1"}',
        b'{"event":"step","step":-1}', b'{"event":"step","step":true}', b'{"event":["step"]}',
        b'{"event":"step","step":1,"train_loss":"2"}', b'{"event":"started"}',
    ],
)  # fmt: skip
def test_noise_is_no_line(noise: bytes) -> None:
    with pytest.raises(lines.NotALine):
        lines.parse(noise)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    with contextlib.suppress(lines.NotALine):
        lines.parse(raw)
