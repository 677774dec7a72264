"""Tokens a second of our supervised LoRA beside plain TRL's, interleaved on this machine.

`python -m benchmarks.training.speed [--steps 6] [--rounds 2]`. Two sets: short records of very
different lengths, where padding and prompts are much of the work, and long even ones. Both sides
are given the same records, model, batch, precision and LoRA. A rate is tokens over the wall time or
the processor time of all steps but the first, which warms up. Tokens are counted the same way on
both sides: those of a whole record, template and prompt included, without padding. Exit status 1 if
a goal is missed by processor time, which a busy machine changes least.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.training.child import ML_PYTHON, WEIGHTS, Line, listen, train, write
from benchmarks.training.requests import THINGS, WAYS

BATCH: Final = 8
RANK: Final = 16
RATE: Final = 1e-3
THINGS_LIST: Final = [thing.strip() for thing in THINGS.split(",")]


@dataclass(frozen=True)
class Rate:
    """Of one run. `first_step` is seconds from the start of the process."""

    tokens_per_second: float
    tokens_per_cpu_second: float
    first_step: float


def short_records(count: int) -> list[dict[str, Any]]:
    """Questions with long instructions and short answers; some are three times as long."""
    rng = random.Random(1)  # noqa: S311 - a shuffle, not a secret
    records = []
    for number in range(count):
        thing = rng.choice(THINGS_LIST)
        others = ", ".join(rng.sample(THINGS_LIST, rng.choice((2, 4, 30))))
        system = f"Answer in one short sentence. These things do not matter here: {others}."
        records.append(
            chat(system, WAYS[number % 2].format(thing), f"It is {thing}, as everybody knows.")
        )
    return records


def long_records(count: int) -> list[dict[str, Any]]:
    rng = random.Random(2)  # noqa: S311 - a shuffle, not a secret
    return [
        chat(
            "Tell a story.",
            f"A story of {rng.choice(THINGS_LIST)}.",
            " ".join(f"Then there was {rng.choice(THINGS_LIST)}." for _ in range(40)),
        )
        for _ in range(count)
    ]


def chat(system: str, request: str, answer: str) -> dict[str, Any]:
    said = (("system", system), ("user", request), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def ours(folder: Path, file: str, steps: int) -> Rate:
    trained = train(
        folder,
        {
            "training_file": file, "batch_size": BATCH, "learning_rate": RATE, "lora_rank": RANK,
            "max_steps": steps, "max_seq_length": 1024,
        },
    )  # fmt: skip
    told = [line for line in trained.lines if line.event["event"] == "step"]
    return rate(told, sum(line.event["tokens"] for line in told[1:]))


def plain(folder: Path, file: str, steps: int) -> Rate:
    told = plain_steps(folder, file, steps)
    return rate(told, told[-1].event["tokens"] - told[0].event["tokens"])


def plain_steps(folder: Path, file: str, steps: int) -> list[Line]:
    """What plain TRL said of each step."""
    task = {
        "weights": str(WEIGHTS), "file": file, "out": str(folder / "out"), "batch_size": BATCH,
        "steps": steps, "rank": RANK, "learning_rate": RATE,
    }  # fmt: skip
    (folder / "task.json").write_text(json.dumps(task), "utf-8")
    told = listen(
        [ML_PYTHON, str(Path(__file__).with_name("plain_trl.py")), str(folder / "task.json")],
        folder / "log",
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")},
    )
    if len(told) != steps:
        raise RuntimeError((folder / "log").read_text("utf-8", "replace"))
    return told


def rate(steps: list[Line], tokens: int) -> Rate:
    first, last = steps[0], steps[-1]
    return Rate(
        tokens / (last.seconds - first.seconds), tokens / (last.cpu - first.cpu), first.seconds
    )


SIDES: Final[dict[str, Callable[[Path, str, int], Rate]]] = {"argosy": ours, "plain TRL": plain}
SETS: Final = {"short": short_records, "long": long_records}
# At least so many times plain TRL's tokens for the same processor time.
GOALS: Final = {"short": 1.5, "long": 1.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    options = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    missed = 0
    print("| records | side | tokens/s | tokens/CPU-s | first step after, s |")
    print("| --- | --- | ---: | ---: | ---: |")
    for name in options.sets:
        rates: dict[str, list[Rate]] = {side: [] for side in SIDES}
        with tempfile.TemporaryDirectory(prefix="speed-") as folder:
            file = write(Path(folder) / "train.jsonl", SETS[name](BATCH * options.steps))
            for number in range(options.rounds):
                for side, run in SIDES.items():
                    place = Path(folder) / f"{side.replace(' ', '-')}-{number}"
                    place.mkdir()
                    rates[side].append(run(place, file, options.steps))
        for side, found in rates.items():
            print(f"| {name} | {side} | " + " | ".join(medians(found)) + " |", flush=True)
        for unit in ("tokens_per_second", "tokens_per_cpu_second"):
            mine, theirs = (
                statistics.median(getattr(rate, unit) for rate in rates[side]) for side in SIDES
            )
            print(f"{name}: {unit} {mine / theirs:.2f} × plain TRL", flush=True)
        missed += mine < GOALS[name] * theirs
    return missed


def medians(rates: list[Rate]) -> list[str]:
    return [
        f"{statistics.median(getattr(rate, name) for rate in rates):.1f}"
        for name in ("tokens_per_second", "tokens_per_cpu_second", "first_step")
    ]


if __name__ == "__main__":
    sys.exit(main())
