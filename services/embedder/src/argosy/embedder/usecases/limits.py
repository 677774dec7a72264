"""What a request for embeddings may ask. Pure: knows numbers and sentences, no model.

Every refusal is an `InvalidRequest` that names the field, the limit and the way out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from argosy.kit.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds: texts a request, bytes and tokens a text, tokens a request."""

    inputs: int
    input_bytes: int
    input_tokens: int
    request_tokens: int

    def check_texts(self, texts: Sequence[str]) -> None:
        """Refuse what can be seen without reading the texts."""
        if not texts:
            raise InvalidRequest(
                "`input` is empty. Send a string or a list of strings.", param="input"
            )
        if len(texts) > self.inputs:
            raise InvalidRequest(
                f"`input` has {len(texts)} texts; the limit is {self.inputs}. Split the request.",
                param="input",
                code="array_above_max_length",
            )
        for index, text in enumerate(texts):
            if not text:
                raise InvalidRequest(
                    f"`{_field(index, texts)}` is an empty string. Remove it.",
                    param=_field(index, texts),
                )
            size = len(text.encode())
            if size > self.input_bytes:
                raise InvalidRequest(
                    f"`{_field(index, texts)}` has {size} bytes; the limit is {self.input_bytes}. "
                    "Cut the text into shorter pieces.",
                    param=_field(index, texts),
                    code="string_above_max_length",
                )

    def check_tokens(self, texts: Sequence[Sequence[int]]) -> None:
        """Refuse texts that are too long once they are read."""
        for index, tokens in enumerate(texts):
            if len(tokens) > self.input_tokens:
                raise InvalidRequest(
                    f"`{_field(index, texts)}` has {len(tokens)} tokens; the model reads at most "
                    f"{self.input_tokens}. Cut the text into shorter pieces.",
                    param=_field(index, texts),
                    code="context_length_exceeded",
                )
        total = sum(map(len, texts))
        if total > self.request_tokens:
            raise InvalidRequest(
                f"`input` has {total} tokens in all; the limit of one request is "
                f"{self.request_tokens}. Split the request.",
                param="input",
                code="max_tokens_per_request",
            )


def check_dimensions(asked: int | None, own: int) -> int:
    """Return the length of the vectors to send: as asked, else the model's own."""
    if asked is None:
        return own
    if not 1 <= asked <= own:
        raise InvalidRequest(
            f"`dimensions` is {asked}; this model offers 1 to {own}.",
            param="dimensions",
            code="integer_below_min_value" if asked < 1 else "integer_above_max_value",
        )
    return asked


def _field(index: int, texts: Sequence[object]) -> str:
    return "input" if len(texts) == 1 else f"input[{index}]"
