"""The held-out exam: many requests at once, one verdict each.

Knows how to ask a model through the stock SDK. Does not know what a right answer is: `charts`
judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, cast

from argosy.cli.demo.charts import Request, Verdict, judge
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

# As many streams as keep the engine's batch full without queueing for long.
CONCURRENCY: Final = 16
# A right answer has about 40 tokens; a base model that rambles is cut here.
MAX_TOKENS: Final = 80


@dataclass(frozen=True)
class Score:
    """What came of an exam; `tokens` counts prompts and answers."""

    verdicts: tuple[Verdict, ...]
    tokens: int

    @property
    def exact(self) -> int:
        return Counter(self.verdicts)[Verdict.EXACT]

    @property
    def rate(self) -> float:
        """Share of exactly right answers, 0 to 1."""
        return self.exact / len(self.verdicts)


def ask(client: OpenAI, model: str, request: Request) -> tuple[str, int]:
    """Return the model's answer to one request and the tokens it took. Greedy, so repeatable."""
    completion = client.chat.completions.create(
        model=model,
        messages=cast("list[ChatCompletionMessageParam]", request.messages()),
        temperature=0,
        max_tokens=MAX_TOKENS,
    )
    tokens = completion.usage.total_tokens if completion.usage else 0
    return completion.choices[0].message.content or "", tokens


def examine(
    client: OpenAI, model: str, requests: Sequence[Request], answered: Callable[[], None]
) -> Score:
    """Ask every request, several at a time; `answered` is called after each. Order is kept."""

    def one(request: Request) -> tuple[Verdict, int]:
        text, tokens = ask(client, model, request)
        answered()
        return judge(text, request.chart), tokens

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        results = list(pool.map(one, requests))
    return Score(tuple(v for v, _ in results), sum(t for _, t in results))
