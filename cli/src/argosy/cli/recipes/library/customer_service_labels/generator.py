"""Messages to customer service that are about one to three things."""

from __future__ import annotations

from random import Random

from argosy.cli.recipes.example import Example

SYSTEM = "List the labels of the message."
SAYINGS = {
    "refund": (
        "I want my money back for the {item}.", "Please refund the {item}.",
        "When do I get back what I paid for the {item}?",
    ),
    "delivery": (
        "The {item} has not arrived.", "Where is the parcel with my {item}?",
        "The courier left my {item} at the wrong door.",
    ),
    "invoice": (
        "I need an invoice for the {item}.", "The bill for the {item} has the wrong company name.",
        "Please send the receipt for the {item} again.",
    ),
    "quality": (
        "The {item} broke after two days.", "The {item} smells strange.",
        "A part of the {item} is missing.",
    ),
    "account": (
        "I cannot sign in to see my {item}.", "My password is refused when I order the {item}.",
        "Please delete my account after the {item} is here.",
    ),
    "praise": (
        "The {item} is lovely, thank you.", "I am very happy with the {item}.",
        "Best {item} that I ever had.",
    ),
}  # fmt: skip
ITEMS = (
    "kettle", "lamp", "jacket", "chair", "phone case", "backpack", "toaster", "blanket", "camera",
    "water bottle", "desk", "umbrella",
)  # fmt: skip


def example(chance: Random) -> Example:
    """Return one message with its labels in the order of the list."""
    chosen = chance.sample(list(SAYINGS), chance.choice((1, 2, 2, 3)))
    sentences = [
        chance.choice(SAYINGS[label]).format(item=chance.choice(ITEMS)) for label in chosen
    ]
    labels = [label for label in SAYINGS if label in chosen]
    return Example(
        system=SYSTEM, user=" ".join(sentences), answer=", ".join(labels), reference=labels
    )
