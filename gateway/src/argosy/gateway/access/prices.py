"""Which price holds for a model, and what tokens cost by it.

Costs are tokens times the price of a million: whole numbers, millionths of a micro-unit.
"""

from __future__ import annotations

from typing import Final

from argosy.gateway.catalog import Catalog
from argosy.gateway.served_model import ServedModel, Tariff

# Keeps sums within a word.
_MOST_COST: Final = 1 << 55


class Prices:
    """A model's own price, else its base model's, else none."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def named(self, project_id: str, name: str, base: str) -> Tariff | None:
        """Return the price of a model that may be gone by now, and then its base's."""
        model = self._catalog.served(project_id, name) or self._catalog.served("", base)
        return None if model is None else self(model)

    def __call__(self, model: ServedModel) -> Tariff | None:
        if model.tariff is not None or not model.base:
            return model.tariff
        base = self._catalog.served("", model.base)
        return None if base is None else base.tariff


def cost_of(price: Tariff | None, input_tokens: int, cached: int, output_tokens: int) -> int:
    """Return what tokens cost; `cached` are of the input."""
    if price is None:
        return 0
    cached = min(cached, input_tokens)
    cost = (
        (input_tokens - cached) * price.input
        + cached * price.cached_input
        + output_tokens * price.output
    )
    return min(cost, _MOST_COST)


def dearest(price: Tariff | None, tokens: int) -> int:
    """Return what `tokens` cost at most: which of them are output is not known yet."""
    if price is None:
        return 0
    return min(tokens * max(price.input, price.output), _MOST_COST)
