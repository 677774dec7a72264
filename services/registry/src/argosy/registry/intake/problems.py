"""How a judge of outside data says no.

A problem names the place and the rule, never the data: what a line holds may be private, and an
error's text ends in logs, tickets and chats.
"""

from __future__ import annotations


class Problem(Exception):
    """`where` is a path of known field names and indices, empty for the whole; `why` the rule."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}" if where else why)
        self.where = where
        self.why = why
