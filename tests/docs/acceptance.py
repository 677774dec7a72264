"""`docs/acceptance.md`: which acceptance line of the workshop is held by which test.

A test that holds a line begins its name with the line's id (`test_c18_publish_needs_…`,
`test_e06_e15_…`). What has no such test stands in `OPEN` with the reason, or in `THROUGH` with the
lines whose tests hold it. `python -m tests.docs.acceptance > docs/acceptance.md` writes the page.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import Final

from tests.docs.sources import ROOT


def _numbered(letter: str, first: int, last: int) -> list[str]:
    return [f"{letter}{number:02d}" for number in range(first, last + 1)]


SECTIONS: Final = {
    "Data sets": _numbered("C", 1, 37),
    "Tuning": _numbered("D", 1, 62),
    "Report and diagnosis": _numbered("E", 1, 19),
    "Compression": _numbered("G", 1, 3),
    "Publishing and hosting": _numbered("H", 1, 5),
    "Cost and speed": ["L02", "L03", "L04", "L11", "L15"],
    "Sign-up": ["I10", "I13"],
    "Lists and ranges": _numbered("P", 18, 26),
    "Complaints": ["R10"],
    "Contradictions": _numbered("S", 1, 15),
}

# Held by the tests of other lines, since it says the same from another side.
THROUGH: Final = {
    "C05": ("C29", "S04"),
    "D46": ("D03",),
    "D47": ("D03",),
    "R10": ("C21", "H04", "L11", "C01"),
    "S03": ("D17", "D18"),
    "S07": ("D01", "D10"),
    "S08": ("D03",),
    "S09": ("C03", "C35"),
}

OPEN: Final = {
    "S12": "the names are of pages of the console, which comes later",
}

# Tests of one file that are named one by one.
_NAMED: Final = 2
_TEST: Final = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
_ID: Final = re.compile(r"([a-z]{1,2}\d{2})_")


@cache
def held_by() -> dict[str, list[str]]:
    """Return `file::test` by the ids that tests begin with."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in _TEST.findall(path.read_text("utf-8")):
            rest = name.removeprefix("test_")
            while (match := _ID.match(rest)) is not None:
                found[match[1].upper()].append(f"{path.relative_to(ROOT)}::{name}")
                rest = rest[match.end() :]
    return dict(found)


def page() -> str:
    """Return the page as it must stand in `docs/`."""
    lines = [
        "# Which acceptance line is held where",
        "",
        "Lines of the tuning workshop by id. A test that holds one begins its name with the id.",
        "This page is written by `python -m tests.docs.acceptance`; a test holds it to the tests.",
    ]
    for title, ids in SECTIONS.items():
        lines += ["", f"## {title}", "", "| line | held by |", "| --- | --- |"]
        lines += [f"| {line} | {_where(line)} |" for line in ids]
    held = sum(line in held_by() for ids in SECTIONS.values() for line in ids)
    total = sum(map(len, SECTIONS.values()))
    lines += [
        "",
        f"{held} of {total} lines have a test of their own, {len(THROUGH)} are held through "
        f"others, {len(OPEN)} are open.",
    ]
    return "\n".join(lines) + "\n"


def _where(line: str) -> str:
    if line in THROUGH:
        return f"through {', '.join(THROUGH[line])}"
    if line in OPEN:
        return f"**open**: {OPEN[line]}"
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in held_by()[line]:
        file, _, name = test.partition("::")
        by_file[file].append(name)
    # Beyond two, the id finds them: pytest -k c18
    told = (
        f"`{file}`: " + (", ".join(names) if len(names) <= _NAMED else f"{len(names)} tests")
        for file, names in by_file.items()
    )
    return "<br>".join(told)


if __name__ == "__main__":
    print(page(), end="")
