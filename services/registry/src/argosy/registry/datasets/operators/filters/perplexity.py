"""Drops records that do not look like prose to the packaged character model."""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.perplexity import packaged
from argosy.registry.datasets.operators.policy import Filtering
from argosy.registry.datasets.operators.ranges import number


class FilterCheckPerplexity(Filtering):
    """`filter_check_perplexity`; see `operators/perplexity.py` for what the number is."""

    NAME: ClassVar[str] = "filter_check_perplexity"

    def __init__(self, *, perplexity_max_cutoff: float = 100.0) -> None:
        self._most = number(perplexity_max_cutoff, "perplexity_max_cutoff", 1, 1e9)
        self._model = packaged()

    def passes(self, text: str) -> bool:
        """Tell whether the perplexity is within the bound."""
        return self._model.perplexity(text) <= self._most
