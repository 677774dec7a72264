"""What a model is worth before and after: perplexity on records, and how fast it writes.

Both versions run in this process, on the same library and threads, in turns: what else the machine
does meets both alike. Knows models and tokens; does not know how either was made.
"""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from argosy.trainer.worker.data.tokens import IGNORED, Record

# Above this a perplexity says nothing, and its exponential may not be a number.
LARGEST_LOSS = 50.0
ANSWER_TOKENS = 32


def perplexity(model: Any, records: Sequence[Record]) -> float:
    """exp of the mean cross-entropy of the tokens that count."""
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    with torch.inference_mode():
        for record in records:
            labels = torch.tensor(record.labels()[1:], device=model.device)
            ids = torch.tensor([list(record.ids)], device=model.device)
            logits = model(input_ids=ids).logits[0, :-1].float()
            total += torch.nn.functional.cross_entropy(
                logits, labels, ignore_index=IGNORED, reduction="sum"
            ).cpu()
            count += int((labels != IGNORED).sum())
    return math.exp(min(float(total) / max(1, count), LARGEST_LOSS))


@dataclass
class Speed:
    """Answers of one model, each of ANSWER_TOKENS tokens, one at a time."""

    seconds: list[float] = field(default_factory=list)

    def tokens_per_second(self) -> float:
        return ANSWER_TOKENS * len(self.seconds) / sum(self.seconds)

    def percentile_ms(self, share: float) -> float:
        """The smallest time that at least `share` of the answers kept to."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[math.ceil(share * len(ordered)) - 1]

    def median_ms(self) -> float:
        return 1000 * statistics.median(self.seconds)


def speeds(before: Any, after: Any, records: Sequence[Record], answers: int) -> tuple[Speed, Speed]:
    """Both models answer the same prompts in turns, after one answer each that does not count."""
    measured = (Speed(), Speed())
    for number in range(answers + 1):
        prompt = _prompt(records[number % len(records)])
        # Who begins changes, so that neither always follows the other.
        order = (0, 1) if number % 2 else (1, 0)
        for which in order:
            seconds = _answer_seconds((before, after)[which], prompt)
            if number:
                measured[which].seconds.append(seconds)
    return measured


def _prompt(record: Record) -> list[int]:
    """What stands before the first token that is learnt; of a text, its first half."""
    first = record.trained.find(1)
    return list(record.ids[: first or max(1, len(record) // 2)])


def _answer_seconds(model: Any, prompt: Sequence[int]) -> float:
    ids = torch.tensor([list(prompt)], device=model.device)
    began = time.perf_counter()
    with torch.inference_mode():
        model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            min_new_tokens=ANSWER_TOKENS,
            max_new_tokens=ANSWER_TOKENS,
            pad_token_id=0,
        )
    return time.perf_counter() - began
