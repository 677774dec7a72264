"""Counts the tokens of records by a model's own tokenizer and template, without torch.

Knows what lies in a model's folder. Does not know where records come from.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argosy.registry.measuring.chat_template import (
    BadTemplate,
    ChatTemplate,
    Refused,
    special_tokens,
)
from argosy.registry.measuring.sequences import is_text, sequences
from tokenizers import Tokenizer

# Raised when the way of counting changes, so that what was counted before is counted again.
_WAY: Final = b"1"
_TOKENIZER: Final = "tokenizer.json"
# Records whose texts are tokenized together: enough to keep the tokenizer's threads busy.
_BATCH: Final = 256


class NoTokenizer(Exception):
    """The folder's tokenizer cannot be used here; the message says why."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Tokens of a record: those of its longest sequence and those of all its sequences."""

    longest: int
    total: int


class TokenCounter:
    """A model's tokenizer and, where it has one, its chat template."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None, *, ends: bool) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._template = template
        # A text to learn from ends with the model's end token.
        self._text_end = int(ends)

    @classmethod
    def open(cls, folder: Path) -> TokenCounter:
        """Open the model in `folder`; raises NoTokenizer."""
        path = folder / _TOKENIZER
        if not path.is_file():
            raise NoTokenizer(f"its folder has no {_TOKENIZER}")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        # The library raises a bare Exception for whatever is wrong with the file.
        except Exception as error:  # noqa: BLE001
            raise NoTokenizer(f"its {_TOKENIZER} cannot be read: {error}") from None
        try:
            template = ChatTemplate.open(folder)
            ends = "eos_token" in special_tokens(folder)
        except BadTemplate as error:
            raise NoTokenizer(str(error)) from None
        return cls(tokenizer, template, ends=ends)

    def count(self, text: str) -> int:
        """Return the tokens of a bare text."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def lengths(self, records: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[Measured]:
        """Yield each record's length, in order; records come with their lines' numbers.

        Raises Refused, naming the line.
        """
        numbered = iter(records)
        while batch := list(itertools.islice(numbered, _BATCH)):
            yield from self._batch(batch)

    def _batch(self, batch: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Measured]:
        texts: list[str] = []
        shapes: list[list[int]] = []
        for number, record in batch:
            try:
                parts = list(sequences(record, self._template))
            except Refused as error:
                raise Refused(f"line {number}: {error}") from None
            shapes.append([len(pieces) for pieces in parts])
            texts.extend(itertools.chain.from_iterable(parts))
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        counts = iter([len(each.ids) for each in encoded])
        for (_, record), shape in zip(batch, shapes, strict=True):
            end = self._text_end if is_text(record) else 0
            tokens = [sum(itertools.islice(counts, pieces)) + end for pieces in shape]
            yield Measured(max(tokens, default=0), sum(tokens))


def fingerprint(folder: Path) -> str:
    """Return a digest of all that decides how the model in `folder` counts; raises NoTokenizer."""
    names = (
        _TOKENIZER,
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        *sorted(str(p.relative_to(folder)) for p in folder.glob("additional_chat_templates/*")),
    )
    if not (folder / _TOKENIZER).is_file():
        raise NoTokenizer(f"its folder has no {_TOKENIZER}")
    digest = hashlib.sha256(_WAY)
    for name in names:
        path = folder / name
        if path.is_file():
            digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
