"""Which language a text is in, by py3langid: a linear model on byte n-grams, 5 MB.

Restricted to the languages that tuning data here is in; in any other language a text counts as the
nearest of these, with a low probability. Texts of a few characters are guesses, and their
probability says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# ISO 639-1.
LANGUAGES: Final = (
    "ar", "bn", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it",
    "ja", "ko", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "ur", "vi", "zh",
)  # fmt: skip

# What a text is in that says too little: a few letters, numbers, codes.
UNDECIDED: Final = "und"
_LEAST: Final = 0.2

# More than this tells the model nothing new, and costs.
_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Guess:
    """A language and how probable it is among those asked for."""

    language: str
    probability: float


class Languages:
    """The model, restricted to `languages`. Loading takes about half a second."""

    def __init__(self, languages: Iterable[str] = LANGUAGES) -> None:
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._identifier.set_languages(list(languages))

    def guess(self, text: str) -> Guess:
        """Return the most probable language; UNDECIDED where the text tells too little."""
        language, probability = self._identifier.classify(text[:_CHARACTERS])
        return Guess(str(language) if probability >= _LEAST else UNDECIDED, float(probability))

    def probability(self, text: str, wanted: Iterable[str]) -> float:
        """Return how probable it is that the text is in one of the wanted languages."""
        ranked = dict(self._identifier.rank(text[:_CHARACTERS]))
        return float(min(1.0, sum(ranked.get(language, 0.0) for language in set(wanted))))
