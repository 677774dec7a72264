"""The load generator's runs: what to ask for, and what came of it.

Knows the command line and the report of native/load.c. Does not know which gateway answers.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from benchmarks.processes import pinned

_MORE_SECONDS = 60.0


class LoadError(Exception):
    """A run that measured nothing: answers were wrong, missing or cut; the message says which."""


@dataclass(frozen=True)
class Load:
    """A closed loop of `connections`; with `rate`, so many requests a second are offered instead.

    Times: `interval_ms` between chunks, or before a whole answer. `hangups` is the share of
    requests whose client leaves at a random moment (`seed`).
    """

    mode: Literal["json", "stream"]
    connections: int
    seconds: float
    chunks: int = 100
    interval_ms: int = 0
    body_bytes: int = 1024
    key: str = "sk-bench"
    rate: float = 0.0
    hangups: float = 0.0
    seed: int = 1

    def lasting(self, seconds: float) -> Self:
        """Return the same load for another time."""
        return replace(self, seconds=seconds)

    def command(self, program: Path, port: int) -> list[str]:
        """Return the command line that puts this load on `port`."""
        options: dict[str, object] = {
            "-p": port,
            "-m": self.mode,
            "-c": self.connections,
            "-d": self.seconds,
            "-n": self.chunks,
            "-i": self.interval_ms,
            "-b": self.body_bytes,
            "-k": self.key,
            "-r": self.rate,
            "-g": self.hangups,
            "-s": self.seed,
        }
        return [str(program), *(str(word) for pair in options.items() for word in pair)]


@dataclass(frozen=True)
class Durations:
    """Percentiles in µs; -1 where nothing was recorded."""

    count: int
    p05: float
    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True)
class Report:
    """What one run saw. `rate` counts whole answers a second inside the run's time."""

    seconds: float
    started: int
    answered: int
    rate: float
    offered: float
    refused: int
    wrong: int
    reset: int
    unfinished: int
    hangups: int
    connects: int
    chunks: int
    latency: Durations
    ttft: Durations
    gap: Durations
    delay: Durations
    refusal: Durations
    error: str

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read the line that the load generator prints."""
        fields: dict[str, Any] = json.loads(line)
        for name in ("latency", "ttft", "gap", "delay", "refusal"):
            fields[name] = Durations(**fields[name])
        return cls(**fields)

    @property
    def failures(self) -> int:
        """Answers that were wrong, cut or never came. A refusal is an answer."""
        return self.wrong + self.reset + self.unfinished

    def check(self, *, refusals_are_fine: bool = False) -> None:
        """Raise LoadError if the figures of this run would flatter a gateway that drops things."""
        refused = 0 if refusals_are_fine else self.refused
        if self.failures or refused or not self.answered:
            raise LoadError(
                f"{self.wrong} wrong, {self.reset} cut, {self.unfinished} unfinished, "
                f"{self.refused} refused of {self.started} requests; first: {self.error}"
            )


def put(load: Load, program: Path, port: int, cores: Sequence[int]) -> Report:
    """Put `load` on `port` and return what came of it."""
    words = pinned(load.command(program, port), cores)
    limit = load.seconds + load.chunks * load.interval_ms / 1000 + _MORE_SECONDS
    done = subprocess.run(words, capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode:
        raise LoadError(f"the load generator failed: {done.stderr.strip()}")
    return Report.parse(done.stdout)
