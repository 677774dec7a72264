"""Word problems with a pupil's solution that is right, or wrong in a known place."""

from __future__ import annotations

import json
from random import Random

from argosy.cli.recipes.example import Example

SYSTEM = "Judge the pupil's solution. Answer with JSON."
NAMES = ("Ada", "Bo", "Carl", "Dina", "Eva", "Finn", "Gita", "Hugo")
THINGS = ("apples", "pens", "stamps", "eggs", "books", "coins")
RIGHT, WRONG = "right", "wrong"


def example(chance: Random) -> Example:
    """Return one solution and the verdict on it."""
    name, thing = chance.choice(NAMES), chance.choice(THINGS)
    boxes, each, more = chance.randint(2, 9), chance.randint(2, 9), chance.randint(1, 9)
    problem = (
        f"{name} has {boxes} boxes with {each} {thing} each and buys {more} more. "
        f"How many {thing} are there?"
    )
    fault = chance.choice(("", "", "step", "method", "answer"))
    product, total = boxes * each, boxes * each + more
    if fault == "method":
        solution = (
            f"{boxes} + {each} = {boxes + each}. {boxes + each} + {more} = {boxes + each + more}."
        )
        answer = boxes + each + more
    elif fault == "step":
        slip = product + chance.choice((-2, -1, 1, 2))
        solution = f"{boxes} x {each} = {slip}. {slip} + {more} = {slip + more}."
        answer = slip + more
    else:
        solution = f"{boxes} x {each} = {product}. {product} + {more} = {total}."
        answer = total + (chance.choice((-10, 10, 1)) if fault == "answer" else 0)
    found = {
        "steps": WRONG if fault == "step" else RIGHT,
        "method": WRONG if fault == "method" else RIGHT,
        "answer": RIGHT if answer == total else WRONG,
        "verdict": RIGHT if not fault else WRONG,
    }
    return Example(
        system=SYSTEM,
        user=f"Problem: {problem}\nSolution: {solution} Answer: {answer}.",
        answer=json.dumps(found),
        reference=found,
    )
