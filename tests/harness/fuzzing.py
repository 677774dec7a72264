"""Fuzzing with a memory: every input of a kept corpus first, then new ones made from them.

`ARGOSY_FUZZ_SECONDS` is how long each target is tried, 4 if unset. An input that breaks a target is
kept as a file of its corpus, so that every later run tries it first. Seeds are printed.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).resolve().parents[1] / "abuse" / "corpus"
SECONDS = float(os.environ.get("ARGOSY_FUZZ_SECONDS", "4"))
_EXAMPLES = 100

Check = Callable[[bytes], None]


def corpus(target: str) -> list[bytes]:
    """Return the kept inputs of a target."""
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def fuzz(target: str, check: Check, *, tokens: list[bytes], seconds: float = SECONDS) -> None:
    """Give `check` the corpus and then mutations of it; it raises where the target breaks.

    `tokens` are pieces that mean something to the target.
    """
    kept = corpus(target)
    for data in kept:
        check(data)
    inputs = mutations(kept, tokens)
    begun, tried, chance = time.monotonic(), 0, random.Random()
    while tried == 0 or time.monotonic() - begun < seconds:
        number = chance.getrandbits(32)
        print(f"{target}: seed {number}")
        _try(target, check, inputs, number)
        tried += _EXAMPLES


def _try(target: str, check: Check, inputs: st.SearchStrategy[bytes], number: int) -> None:
    last = b""

    @seed(number)
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def one(data: bytes) -> None:
        nonlocal last
        last = data
        check(data)

    try:
        one()
    except BaseException:
        # Hypothesis runs the smallest one last.
        name = f"found-{hashlib.sha256(last).hexdigest()[:12]}"
        (CORPUS / target / name).write_bytes(last)
        raise


def mutations(kept: list[bytes], tokens: list[bytes]) -> st.SearchStrategy[bytes]:
    """Make inputs: kept ones cut, spliced, repeated and changed; and pure noise."""
    piece = st.one_of(st.sampled_from(tokens), st.binary(max_size=8))
    change = st.tuples(st.floats(0, 1), st.integers(0, 12), piece, st.integers(1, 3))
    changed = st.builds(_changed, st.sampled_from(kept), st.lists(change, min_size=1, max_size=6))
    spliced = st.builds(_spliced, st.sampled_from(kept), st.sampled_from(kept), st.floats(0, 1))
    built = st.lists(piece, max_size=20).map(b"".join)
    return st.one_of(changed, changed, spliced, built)


def _changed(data: bytes, changes: list[tuple[float, int, bytes, int]]) -> bytes:
    for where, removed, added, times in changes:
        at = round(where * len(data))
        data = data[:at] + added * times + data[at + removed :]
    return data


def _spliced(first: bytes, second: bytes, where: float) -> bytes:
    return first[: round(where * len(first))] + second[round(where * len(second)) :]
