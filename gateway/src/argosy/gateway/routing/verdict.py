"""What the policies say of one replica, for people: `argosy explain` and the admins' header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """`refused_by` names filters that must hold and do not, `avoided_by` those that should.

    `scores` are from 0 to 1 by scorer; `total` is their weighted sum.
    """

    url: str
    refused_by: Sequence[str]
    avoided_by: Sequence[str]
    scores: Mapping[str, float]
    total: float

    def line(self) -> str:
        """Return it on one line, fit for a header."""
        words = [f"{name}={score:.3f}" for name, score in self.scores.items()]
        out = [f"refused by {', '.join(self.refused_by)}"] if self.refused_by else []
        out += [f"avoided by {', '.join(self.avoided_by)}"] if self.avoided_by else []
        return " ".join([f"total={self.total:.3f}", *words, *(f"({reason})" for reason in out)])
