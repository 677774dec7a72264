"""The counting child: its end when it takes too long, and answers that come before the data end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argosy.kit.errors import InvalidRequest, Unavailable
from argosy.registry.domain.measures import Counted
from argosy.registry.measuring.process import CountingProcess

from tests.fakes import tiny_tokenizer


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_lines_may_be_cut_anywhere(tmp_path: Path) -> None:
    folder = tiny_tokenizer.write(tmp_path)
    counted = await CountingProcess(60).count(folder, pieces(b'{"te', b'xt": "ab"}\n{"text": "a"}'))
    assert counted == Counted(2, 5, ((2, 1), (3, 1)))


async def test_a_refusal_does_not_wait_for_the_rest(tmp_path: Path) -> None:
    folder = tiny_tokenizer.write(tmp_path)
    with pytest.raises(InvalidRequest, match="line 1: not a JSON object"):
        await CountingProcess(60).count(folder, pieces(*[b"x\n" * 100_000] * 20))


async def test_a_count_that_takes_too_long_ends(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"longer than 0\.01 seconds"):
        await CountingProcess(0.01).count(tiny_tokenizer.write(tmp_path), pieces(b"{}\n"))
