"""Drops records with too large a share of flagged words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from argosy.registry.datasets.operators.flagged_words import DEFAULT, FlaggedWords
from argosy.registry.datasets.operators.policy import Filtering
from argosy.registry.datasets.operators.ranges import number
from argosy.registry.domain.rules import RuleBroken

_MOST_WORDS: Final = 10_000


class FilterCheckFlaggedWords(Filtering):
    """`filter_check_flagged_words`; `flagged_words` takes the place of the packaged list."""

    NAME: ClassVar[str] = "filter_check_flagged_words"

    def __init__(
        self,
        *,
        flagged_words_max_cutoff: float = 0.3,
        flagged_words: Sequence[str] | None = None,
    ) -> None:
        self._most = number(flagged_words_max_cutoff, "flagged_words_max_cutoff", 0, 1)
        self._listed = FlaggedWords(DEFAULT if flagged_words is None else _checked(flagged_words))

    def passes(self, text: str) -> bool:
        """Tell whether the share of flagged words is within the bound."""
        return self._listed.ratio(text) <= self._most


def _checked(listed: Sequence[str]) -> Sequence[str]:
    if isinstance(listed, str) or not all(isinstance(each, str) for each in listed):
        raise RuleBroken("flagged_words must be a list of words.", param="flagged_words")
    if len(listed) > _MOST_WORDS:
        raise RuleBroken(
            f"flagged_words has {len(listed)} words; at most {_MOST_WORDS} are allowed.",
            param="flagged_words",
        )
    return listed
