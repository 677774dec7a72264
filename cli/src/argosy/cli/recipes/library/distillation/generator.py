"""Sums of everyday things with their results, which a teacher's explanation must come to."""

from __future__ import annotations

from random import Random

from argosy.cli.recipes.example import Example

SYSTEM = "Explain the sum."
PROBLEMS = (
    ("A bus has {a} seats and {b} are taken. How many are free?", "-"),
    ("A class reads {a} pages on Monday and {b} on Tuesday. How many pages is that?", "+"),
    ("A baker bakes {a} loaves and sells {b}. How many are left?", "-"),
    ("There are {a} red balls and {b} blue ones. How many balls are there?", "+"),
    ("A jug holds {a} cups; {b} are poured out. How many remain?", "-"),
    ("Two shelves hold {a} and {b} books. How many books is that together?", "+"),
)


def example(chance: Random) -> Example:
    """Return one sum; its answer is the bare result, the explanation is the teacher's."""
    text, sign = chance.choice(PROBLEMS)
    a = chance.randint(12, 60)
    b = chance.randint(2, a - 2)
    result = str(a + b if sign == "+" else a - b)
    return Example(system=SYSTEM, user=text.format(a=a, b=b), answer=result, reference=[result])
