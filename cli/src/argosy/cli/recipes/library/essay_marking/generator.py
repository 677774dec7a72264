"""Short essays with known strengths and faults, marked by a rubric.

Of five points one is lost for each: no opening, fewer than two reasons, no conclusion, spelling.
"""

from __future__ import annotations

import json
from random import Random

from argosy.cli.recipes.example import Example

SYSTEM = "Mark the essay from 1 to 5. Answer with JSON."
TOPICS = (
    "school uniforms", "homework", "pets", "sport", "reading", "mobile phones", "holidays",
    "healthy food", "public parks", "learning music", "travelling by train", "early mornings",
)  # fmt: skip
OPENINGS = ("In this essay I write about {topic}.", "Many people talk about {topic}.")
REASONS = (
    "It helps us to learn.", "It is good for our health.", "It saves a lot of time.",
    "It brings people together.", "It teaches us patience.", "It costs very little.",
)  # fmt: skip
CONCLUSIONS = ("So I am in favour of it.", "To sum up, I like it.")
# Words of the sentences above as pupils misspell them.
SLIPS = {
    "learn": "lern", "health": "helth", "people": "peeple", "patience": "pashence",
    "time": "tyme", "costs": "kosts",
}  # fmt: skip
PARTS = ("opening", "reasons", "conclusion", "spelling")


def example(chance: Random) -> Example:
    """Return one essay and its mark."""
    good = {part: chance.random() < 0.65 for part in PARTS}
    # What is misspelt stands in the reasons, so there is at least one.
    reasons = chance.sample(REASONS, chance.choice((2, 3)) if good["reasons"] else 1)
    if not good["spelling"]:
        reasons = [_misspelt(reason) for reason in reasons]
    essay = [chance.choice(OPENINGS)] if good["opening"] else ["I like {topic}."]
    essay += reasons
    if good["conclusion"]:
        essay.append(chance.choice(CONCLUSIONS))
    found = {
        "mark": 5 - sum(not kept for kept in good.values()),
        "good": [part for part in PARTS if good[part]],
        "improve": [part for part in PARTS if not good[part]],
    }
    return Example(
        system=SYSTEM,
        user=" ".join(essay).format(topic=chance.choice(TOPICS)),
        answer=json.dumps(found),
        reference=found,
    )


def _misspelt(sentence: str) -> str:
    for word, slip in SLIPS.items():
        sentence = sentence.replace(word, slip).replace(word.title(), slip.title())
    return sentence
