"""What the engine has done since its start, whoever asked for it and whether anybody got it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Tokens of prompts that an answer has begun for, and tokens of answers."""

    read: int = 0
    written: int = 0
