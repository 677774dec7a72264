"""What a generator makes: a request, its right answer, and what an answer is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """`wrong` is an answer that is not wanted, for methods that learn from both.

    `reference` is JSON: what the scorer holds an answer against.
    """

    user: str
    answer: str
    reference: Any
    system: str = ""
    wrong: str = ""

    def messages(self) -> list[Message]:
        """Return the request as the API takes it."""
        asked = [{"role": "user", "content": self.user}]
        return [{"role": "system", "content": self.system}, *asked] if self.system else asked


Generator = Callable[[Random], Example]
