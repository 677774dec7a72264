"""Every acceptance line has a test, is held through another's, or is open and says why."""

from __future__ import annotations

from tests.docs.acceptance import OPEN, SECTIONS, THROUGH, held_by, page
from tests.docs.sources import DOCS

LINES = {line for ids in SECTIONS.values() for line in ids}


def test_each_line_is_accounted_for_once() -> None:
    tested = LINES & held_by().keys()
    assert LINES - tested - THROUGH.keys() - OPEN.keys() == set()
    assert tested & (THROUGH.keys() | OPEN.keys()) == set()
    assert THROUGH.keys() & OPEN.keys() == set()
    assert {line for through in THROUGH.values() for line in through} <= tested


def test_the_page_says_it() -> None:
    written = (DOCS / "acceptance.md").read_text("utf-8")
    assert written == page(), "python -m tests.docs.acceptance > docs/acceptance.md"
