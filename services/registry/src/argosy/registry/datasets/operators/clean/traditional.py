"""Turns traditional Chinese characters into simplified ones, by OpenCC's tables (`t2s`)."""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.policy import Rewriting
from opencc import OpenCC


class ReplaceTraditionalChineseToSimplified(Rewriting):
    """`replace_traditional_chinese_to_simplified`."""

    NAME: ClassVar[str] = "replace_traditional_chinese_to_simplified"

    def __init__(self) -> None:
        self._tables = OpenCC("t2s")

    def rewrite(self, text: str) -> str:
        """Return the text in simplified characters; words are not exchanged."""
        return text if text.isascii() else str(self._tables.convert(text))
