"""What an embedding model must offer. Knows texts, tokens and vectors; no requests, no limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

# Token ids of one text, as its model counts them: markers of begin and end included.
Tokens: TypeAlias = Sequence[int]
# One vector a row, float32.
Matrix: TypeAlias = NDArray[np.float32]


class Backend(Protocol):
    """A loaded model. Its methods block, and must be safe to call from several threads."""

    @property
    def model(self) -> str:
        """The name that clients send."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of the vectors that `embed` returns."""
        ...

    def tokenize(self, text: str) -> Tokens:
        """Return the tokens that the model reads for `text`; at least one."""
        ...

    def embed(self, texts: Sequence[Tokens]) -> Matrix:
        """Return a matrix of shape (len(texts), dimensions), each row of length 1."""
        ...
