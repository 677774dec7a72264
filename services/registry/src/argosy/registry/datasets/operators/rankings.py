"""Turns rankings into what methods that compare two answers learn from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from argosy.registry.datasets.operators.texts import ASSISTANT, Record


def pairs(ranked: Record, *, neighbours_only: bool = False) -> Iterator[Record]:
    """Yield a preference for each pair of a ranking's answers, the better one preferred.

    Of k answers that is k × (k − 1) / 2 pairs, or k − 1 of neighbours. Equal answers make no pair.
    """
    responses = ranked["responses"]
    couples = (
        itertools.pairwise(responses) if neighbours_only else itertools.combinations(responses, 2)
    )
    given = {key: ranked[key] for key in ("messages", "tools") if key in ranked}
    for better, worse in couples:
        if better != worse:
            yield {
                "input": given,
                "preferred_output": [{"role": ASSISTANT, "content": better}],
                "non_preferred_output": [{"role": ASSISTANT, "content": worse}],
            }


def best_answer(ranked: Record) -> Record:
    """Return the dialogue that ends with the best answer."""
    answer = {"role": ASSISTANT, "content": ranked["responses"][0]}
    kept = {key: value for key, value in ranked.items() if key != "responses"}
    return {**kept, "messages": [*ranked["messages"], answer]}
