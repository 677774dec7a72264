"""What each method does to the packaged model, seen on requests that no run has learnt from.

`python -m benchmarks.training.behaviour [METHOD …] [--seed N]`; exit status 1 if a method changed
too little. About ten minutes a method on two quiet cores. The seed is that of the requests' split
and of the runs; each night `tests/nightly` holds all but `rlhf_model` to it with the first.

Supervised tuning teaches a closing word. The others teach brevity: the model's own long answers are
the worse ones, or worth less. What got short but is empty or turns in circles has not learnt it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmarks.training.child import greedy, train, write
from benchmarks.training.requests import Requests, split

CLOSING: Final = "Over."
MAX_TOKENS: Final = 32
# Of one sentence; while sampling, longer ones are cut and worth little.
SENTENCE_TOKENS: Final = 48
SAMPLED_TOKENS: Final = 28
# Words of an answer that a reward model is to prefer to the whole.
BEGINNING: Final = 6
# Three words in a row that come so often are text in circles.
CIRCLE: Final = 3
MOST_SPOILT: Final = 0.1
# Fewer words than that are no answer.
FEWEST_WORDS: Final = 3
SHORT: Final = "{} is something that many people know."
GRADER: Final = {
    "type": "python",
    # Shorter is better down to a short sentence; what is hardly an answer is worth nothing.
    "source": (
        "def grade(sample, item):\n"
        "    characters = len(sample['output_text'].strip())\n"
        "    return 0 if characters < 20 else 1 - min(max(characters - 40, 0), 120) / 120"
    ),
}


@dataclass(frozen=True)
class Change:
    """A measure of the answers to held-out requests, before and after."""

    method: str
    measure: str
    before: float
    after: float
    holds: bool
    more: str = ""

    def row(self) -> str:
        verdict = "yes" if self.holds else "NO"
        return (
            f"| {self.method} | {self.measure} | {self.before:.2f} | {self.after:.2f} "
            f"| {verdict} | {self.more} |"
        )


class Laboratory:
    def __init__(self, folder: Path, seed: int = 1) -> None:
        self._folder = folder
        self._seed = seed
        self.requests: Requests = split(seed=seed, training=48, held_out=16)

    @cached_property
    def _base(self) -> list[dict[str, Any]]:
        return greedy(None, self.requests.held_out, MAX_TOKENS)

    @cached_property
    def _own(self) -> list[dict[str, Any]]:
        return greedy(None, self.requests.training, MAX_TOKENS)

    def sft(self) -> Change:
        records = [
            chat(request, f"{SHORT.format(subject(request))} {CLOSING}")
            for request in self.requests.training
        ]
        after = self._tuned("sft", records, batch_size=8, learning_rate=1e-3, max_steps=18)
        before, now = (
            statistics.fmean(closes(answer) for answer in answers)
            for answers in (self._base, after)
        )
        return Change("sft", f"answers that close with {CLOSING!r}", before, now, now > 0.9)

    def dpo(self) -> Change:
        """As Argosy itself would choose for so many pairs and so narrow a model."""
        after = self._tuned(
            "dpo", self._pairs(), method="dpo", batch_size=4, learning_rate=9.2e-5, n_epochs=3,
            nll_coefficient=1.0,
        )  # fmt: skip
        return self._shorter("dpo", after)

    def kto(self) -> Change:
        verdicts = [
            {
                "messages": pair["input"]["messages"],
                "completion": pair[side][0]["content"],
                "label": side == "preferred_output",
            }
            for pair in self._pairs()
            for side in ("preferred_output", "non_preferred_output")
        ]
        after = self._tuned(
            "kto", verdicts, method="kto", batch_size=16, learning_rate=5e-4, max_steps=12
        )
        return self._shorter("kto", after)

    def rlhf(self) -> Change:
        """The reward is a grader."""
        return self._reinforced("rlhf", grader=GRADER)

    def rlhf_model(self) -> Change:
        """The reward is a model that was trained on pairs: an answer's beginning, and the whole."""
        pairs = [
            pair(request, first_words(answer["text"]), answer["text"])
            for request, answer in zip(
                self._asked_for_one_sentence(self.requests.training),
                self._in_one_sentence(None, self.requests.training),
                strict=True,
            )
        ]
        folder = self._folder / "reward"
        folder.mkdir()
        trained = train(
            folder,
            {
                "method": "reward",
                "seed": self._seed,
                "training_file": write(folder / "train.jsonl", pairs[:36]),
                "validation_file": write(folder / "valid.jsonl", pairs[36:]),
                "batch_size": 8,
                "learning_rate": 2e-4,
                "max_steps": 12,
            },
        )
        accuracy = trained.named("validation")[-1]["values"]["accuracy"]
        change = self._reinforced("rlhf_model", reward_model_path=trained.checkpoint())
        more = f"reward model right on {accuracy:.0%} of pairs; {change.more}"
        return Change(**vars(change) | {"more": more})

    def _reinforced(self, name: str, **reward: Any) -> Change:
        """Only what is sampled can be reinforced: asked for one sentence, the model's own answers
        differ in length, and most of them end."""
        asked = self._asked_for_one_sentence(self.requests.training)
        before = self._in_one_sentence(None, self.requests.held_out)
        checkpoint = self._train(
            name, [{"messages": [user(request)]} for request in asked], method="rlhf",
            batch_size=4, learning_rate=5e-4, max_steps=12, generations=4,
            max_completion_tokens=SAMPLED_TOKENS, kl_coefficient=0.02, **reward,
        )  # fmt: skip
        after = self._in_one_sentence(checkpoint, self.requests.held_out)
        return shorter(name, before, after, SENTENCE_TOKENS, 0.8)

    def _in_one_sentence(self, adapter: str | None, requests: list[str]) -> list[dict[str, Any]]:
        return greedy(adapter, self._asked_for_one_sentence(requests), SENTENCE_TOKENS)

    def _asked_for_one_sentence(self, requests: list[str]) -> list[str]:
        return [f"In one sentence: what is {thing(request)}?" for request in requests]

    def _pairs(self) -> list[dict[str, Any]]:
        """Answers of the model's own: the beginning is better than the whole."""
        return [
            pair(request, first_words(own["text"]), own["text"])
            for request, own in zip(self.requests.training, self._own, strict=True)
        ]

    def _tuned(self, name: str, records: list[dict[str, Any]], **spec: Any) -> list[dict[str, Any]]:
        checkpoint = self._train(name, records, **spec)
        return greedy(checkpoint, self.requests.held_out, MAX_TOKENS)

    def _train(self, name: str, records: list[dict[str, Any]], **spec: Any) -> str:
        folder = self._folder / name
        folder.mkdir()
        file = write(folder / "train.jsonl", records)
        trained = train(folder, {"training_file": file, "seed": self._seed, **spec})
        ends = [trained.named("step")[index] for index in (0, -1)]
        told = [{"step": end["step"], "loss": end["train_loss"]} | end["values"] for end in ends]
        print(f"{name}: {trained.lines[-1].seconds:.0f} s, {json.dumps(told)}", file=sys.stderr)
        return trained.checkpoint()

    def _shorter(self, method: str, after: list[dict[str, Any]]) -> Change:
        return shorter(method, self._base, after, MAX_TOKENS, 0.6)


def shorter(
    method: str,
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    limit: int,
    share: float,
) -> Change:
    """Judge brevity: at most `share` of the tokens, and hardly an answer that is spoilt."""
    was, now = (
        statistics.fmean(answer["tokens"] for answer in answers) for answers in (before, after)
    )
    spoilt = statistics.fmean(is_spoilt(answer["text"]) for answer in after)
    holds = now < share * was and spoilt <= MOST_SPOILT
    more = f"{spoilt:.0%} empty or in circles; {after[0]['text'][:60]!r}"
    return Change(method, f"mean tokens of an answer, of at most {limit}", was, now, holds, more)


def is_spoilt(text: str) -> bool:
    """Tell whether text is hardly any, or three words in a row come three times or more."""
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return True
    threes = Counter(zip(words, words[1:], words[2:], strict=False))
    return any(count >= CIRCLE for count in threes.values())


def closes(answer: dict[str, Any]) -> bool:
    return bool(answer["text"].rstrip().endswith(CLOSING))


def thing(request: str) -> str:
    return request.removeprefix("Tell me about ").removeprefix("What is ").rstrip(".?")


def subject(request: str) -> str:
    asked_about = thing(request)
    return asked_about[0].upper() + asked_about[1:]


def first_words(text: str) -> str:
    return " ".join(text.split()[:BEGINNING]).rstrip(".,;:") + "."


def pair(request: str, better: str, worse: str) -> dict[str, Any]:
    return {
        "input": {"messages": [user(request)]},
        "preferred_output": [assistant(better)],
        "non_preferred_output": [assistant(worse)],
    }


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def chat(request: str, answer: str) -> dict[str, Any]:
    return {"messages": [user(request), assistant(answer)]}


METHODS: Final[dict[str, Callable[[Laboratory], Change]]] = {
    "sft": Laboratory.sft,
    "dpo": Laboratory.dpo,
    "kto": Laboratory.kto,
    "rlhf": Laboratory.rlhf,
    "rlhf_model": Laboratory.rlhf_model,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", default=list(METHODS), metavar="METHOD")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="behaviour-") as folder:
        laboratory = Laboratory(Path(folder), options.seed)
        changes = []
        for name in options.methods:
            changes.append(METHODS[name](laboratory))
            print(changes[-1].row(), flush=True)
    return 0 if all(change.holds for change in changes) else 1


if __name__ == "__main__":
    sys.exit(main())
