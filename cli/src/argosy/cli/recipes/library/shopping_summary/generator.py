"""Chats of a customer with a shopping service, of a known kind and outcome."""

from __future__ import annotations

import json
from random import Random

from argosy.cli.recipes.example import Example

SYSTEM = "Sum up the chat as JSON."
ITEMS = (
    "red jacket", "running shoes", "office chair", "garden table", "winter boots", "rain coat",
    "school bag", "wool hat", "bed linen", "desk lamp",
)  # fmt: skip
# Of each kind: what the customer asks, what the service says, what the summary says.
KINDS = {
    "size": (
        "Does the {item} come in a larger size?",
        "It does, one number larger.",
        "asked for another size of the {item}",
    ),
    "delivery": (
        "When will the {item} arrive?",
        "It will be with you in {days} days.",
        "asked when the {item} arrives",
    ),
    "price": (
        "Is there a discount on the {item}?",
        "There is one of {days} percent this week.",
        "asked for a discount on the {item}",
    ),
    "return": (
        "How do I send the {item} back?",
        "Use the label in the box within {days} days.",
        "wants to return the {item}",
    ),
    "stock": (
        "Is the {item} available again?",
        "It will be back in {days} days.",
        "asked whether the {item} is in stock",
    ),
}
ENDINGS = {
    "satisfied": ("Great, thank you so much!", "Perfect, that helps a lot."),
    "neutral": ("All right.", "Okay, noted."),
    "unsatisfied": ("That is really disappointing.", "This is not good enough."),
}


def example(chance: Random) -> Example:
    """Return one chat and its summary."""
    item, days = chance.choice(ITEMS), chance.randint(2, 14)
    category, satisfaction = chance.choice(list(KINDS)), chance.choice(list(ENDINGS))
    asked, told, summary = (text.format(item=item, days=days) for text in KINDS[category])
    ending = chance.choice(ENDINGS[satisfaction])
    found = {
        "category": category,
        "satisfaction": satisfaction,
        "summary": f"The customer {summary}.",
    }
    return Example(
        system=SYSTEM,
        user=f"Customer: {asked}\nService: {told}\nCustomer: {ending}",
        answer=json.dumps(found),
        reference=found,
    )
