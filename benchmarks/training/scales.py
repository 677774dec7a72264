"""Full training, LoRA and prompt tuning on one set: what each costs and what it brings (L15).

`python -m benchmarks.training.scales [SCALE …] [--steps N]`; prints a table in Markdown. The set
teaches a closing word; the score is the share of held-out requests whose answer closes with it.
Sizes are of the weights that are stored; times are of the trainer's child from its start to its
end, by the clock and by all processors together (a busy machine changes only the former).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks.training.child import Trained, greedy, train, write
from benchmarks.training.requests import Requests, split

CLOSING: Final = "Over."
MAX_TOKENS: Final = 32
SAYS: Final = "It is something that many people know. Over."
# Each scale's rate: the default's order of magnitude for this model, which few steps need.
SCALES: Final[dict[str, dict[str, Any]]] = {
    "full": {"learning_rate": 5e-5},
    "lora": {"learning_rate": 1e-3, "lora_rank": 16},
    "prompt_tuning": {"learning_rate": 0.1, "virtual_tokens": 20},
}


@dataclass(frozen=True)
class Result:
    """One scale; `score` is from 0 to 1, `loss` that of the last step."""

    scale: str
    bytes: int
    seconds: float
    cpu: float
    # The largest resident set of the process, in bytes.
    memory: int
    step_seconds: float
    loss: float
    score: float

    def row(self) -> str:
        return (
            f"| {self.scale} | {self.bytes / 1e6:,.3f} | {self.memory / 1e6:,.0f} "
            f"| {self.seconds:.0f} | {self.cpu:.0f} | {self.step_seconds:.2f} "
            f"| {self.loss:.2f} | {self.score:.0%} |"
        )


def measure(scale: str, folder: Path, requests: Requests, steps: int) -> Result:
    folder.mkdir()
    records = [
        {
            "messages": [
                {"role": "user", "content": request},
                {"role": "assistant", "content": SAYS},
            ]
        }
        for request in requests.training
    ]
    spec = {"training_file": write(folder / "train.jsonl", records), "scale": scale}
    trained = train(folder, spec | SCALES[scale] | {"batch_size": 8, "max_steps": steps})
    checkpoint = Path(trained.checkpoint())
    answers = greedy(str(checkpoint), requests.held_out, MAX_TOKENS)
    return Result(
        scale,
        size(checkpoint),
        trained.lines[-1].seconds,
        trained.lines[-1].cpu,
        max(line.memory for line in trained.lines),
        step_seconds(trained),
        float(trained.named("step")[-1]["train_loss"]),
        statistics.fmean(closes(answer) for answer in answers),
    )


def size(checkpoint: Path) -> int:
    """Return the bytes of what is stored of a checkpoint: not what a resumed run needs."""
    return sum(path.stat().st_size for path in checkpoint.glob("*.safetensors"))


def step_seconds(trained: Trained) -> float:
    """Return the time of one step after the first, which fills caches."""
    times = [line.seconds for line in trained.lines if line.event["event"] == "step"]
    return statistics.fmean(b - a for a, b in pairwise(times))


def closes(answer: dict[str, Any]) -> bool:
    return str(answer["text"]).rstrip().endswith(CLOSING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("scales", nargs="*", default=list(SCALES), metavar="SCALE")
    options = parser.parse_args()
    steps = options.steps
    requests = split(seed=1, training=48, held_out=16)
    base = statistics.fmean(closes(a) for a in greedy(None, requests.held_out, MAX_TOKENS))
    print(f"{steps} steps of 8 records; of the base's answers {base:.0%} close as taught.\n")
    print("| scale | stored, MB | memory, MB | run, s | processor, s | a step, s | loss | score |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for scale in options.scales:
            print(measure(scale, Path(folder) / scale, requests, steps).row(), flush=True)


if __name__ == "__main__":
    main()
