"""Short labour contracts, some of whose mandatory clauses are left out."""

from __future__ import annotations

import json
from random import Random

from argosy.cli.recipes.example import Example

SYSTEM = "Read the labour contract. Answer with JSON."
EMPLOYERS = (
    "Harbour Foods", "Lindqvist Tools", "Northgate Logistics", "Plum Tree Software",
    "Silver Birch Clinic", "Stonebridge Paper", "Westwind Travel", "Yarrow Textiles",
)  # fmt: skip
FIRST = (
    "Ana",
    "Ben",
    "Chen",
    "Dora",
    "Emil",
    "Fatima",
    "Goran",
    "Hana",
    "Ivo",
    "Jun",
    "Lena",
    "Omar",
)
LAST = ("Adler", "Brandt", "Costa", "Dumont", "Fischer", "Kim", "Larsen", "Moreau", "Novak", "Wang")
POSITIONS = (
    "accountant",
    "cook",
    "designer",
    "driver",
    "engineer",
    "nurse",
    "seller",
    "translator",
)
MONTHS = (12, 18, 24, 36)

# What the law asks for, besides the parties, the term and the pay.
CLAUSES = {
    "place of work": "The place of work is {place}.",
    "working hours": "The employee works {hours} hours a week.",
    "paid leave": "The employee has {days} days of paid leave a year.",
    "social insurance": "The employer pays the social insurance that the law requires.",
    "safety at work": "The employer provides safe equipment and training.",
}
PLACES = ("the head office", "the harbour", "the northern branch", "the customer's site")


def example(chance: Random) -> Example:
    """Return one contract and what is in it."""
    employer = chance.choice(EMPLOYERS)
    employee = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    position, months = chance.choice(POSITIONS), chance.choice(MONTHS)
    salary = chance.randrange(1800, 6000, 100)
    missing = chance.sample(list(CLAUSES), chance.choice((0, 1, 1, 2)))
    clauses = [
        text.format(
            place=chance.choice(PLACES),
            hours=chance.choice((35, 38, 40)),
            days=chance.randint(20, 30),
        )
        for name, text in CLAUSES.items()
        if name not in missing
    ]
    chance.shuffle(clauses)
    contract = [
        f"This contract is made between {employer} and {employee}, who is hired as {position}.",
        f"It runs for {months} months.",
        f"The monthly pay is {salary}.",
        *clauses,
    ]
    found = {
        "employer": employer,
        "employee": employee,
        "position": position,
        "months": months,
        "salary": salary,
        "missing": [name for name in CLAUSES if name in missing],
    }
    return Example(
        system=SYSTEM, user=" ".join(contract), answer=json.dumps(found), reference=found
    )
