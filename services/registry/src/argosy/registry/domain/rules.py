"""How a pure rule says no. Knows nothing of statuses: the layer above chooses those."""

from __future__ import annotations


class RuleBroken(ValueError):
    """A value breaks a rule of the domain.

    `message` is meant for the user; `param` is the field as the public API names it.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
