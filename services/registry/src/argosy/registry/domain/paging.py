"""A page of a list, in OpenAI's terms."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.registry.domain.rules import RuleBroken


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is the id before the first entry, empty for the beginning."""

    after: str
    limit: int
    ascending: bool


def page(after: str, limit: int, *, ascending: bool, default: int, maximum: int) -> Page:
    """Return a page of 1 to `maximum` entries (`default` for 0); raises RuleBroken."""
    if limit == 0:
        limit = default
    if not 1 <= limit <= maximum:
        raise RuleBroken(f"limit must be between 1 and {maximum}.", param="limit")
    return Page(after, limit, ascending)
