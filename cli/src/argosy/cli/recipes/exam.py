"""Puts a recipe's exam to a model through the stock SDK: answers, tokens and time.

Knows how to ask. Does not know what a right answer is: `scoring` does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, cast

from argosy.cli.recipes.data import Question
from argosy.cli.recipes.recipe import Recipe
from argosy.cli.recipes.scoring import SCORERS, Scores
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

# As many streams as keep an engine's batch full without queueing for long.
CONCURRENCY: Final = 16


@dataclass(frozen=True, slots=True)
class Paper:
    """A model's exam: its scores, and what it took.

    `price_per_hour` is what the machine that serves the model costs; 0 is not known.
    """

    model: str
    answers: list[str]
    scores: Scores
    tokens: int
    seconds: float
    price_per_hour: float = 0.0

    def tokens_per_call(self) -> float:
        """Return the tokens of a prompt and its answer, on average."""
        return self.tokens / len(self.answers)

    def seconds_per_thousand_calls(self) -> float:
        """Return the wall time of a thousand calls, asked as many at a time as here."""
        return 1000 * self.seconds / len(self.answers)

    def cost_per_thousand_calls(self) -> float:
        """Return what a thousand calls cost; 0 where no price is known."""
        return self.seconds_per_thousand_calls() / 3600 * self.price_per_hour


def sit(
    client: OpenAI,
    model: str,
    recipe: Recipe,
    questions: Sequence[Question],
    answered: Callable[[], None] = lambda: None,
    *,
    price_per_hour: float = 0.0,
) -> Paper:
    """Ask every question, several at a time and greedily; `answered` is called after each."""

    def one(question: Question) -> tuple[str, int]:
        completion = client.chat.completions.create(
            model=model,
            messages=cast("list[ChatCompletionMessageParam]", question.messages),
            temperature=0,
            max_tokens=recipe.max_tokens,
        )
        answered()
        tokens = completion.usage.total_tokens if completion.usage else 0
        return completion.choices[0].message.content or "", tokens

    start = time.monotonic()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        results = list(pool.map(one, questions))
    seconds = time.monotonic() - start
    answers = [text for text, _ in results]
    scores = SCORERS[recipe.scorer](answers, [q.reference for q in questions], recipe.evaluation)
    tokens = sum(tokens for _, tokens in results)
    return Paper(model, answers, scores, tokens, seconds, price_per_hour)
