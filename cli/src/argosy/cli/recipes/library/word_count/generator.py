"""Notes of an exact number of words, made of sentences of known lengths."""

from __future__ import annotations

from random import Random

from argosy.cli.recipes.example import Example

TARGETS = (10, 15, 20, 25, 30, 40)
TOPICS = (
    "a market", "a harbour", "a garden", "a library", "a train station", "a winter morning",
    "a small village", "a busy kitchen", "a school yard", "a quiet lake", "a mountain path",
    "an old bridge",
)  # fmt: skip
ASKED = (
    "Describe {topic} in {count} words.",
    "Write {count} words about {topic}.",
    "Give me a note of {count} words on {topic}.",
)
THINGS = ("people", "birds", "children", "lights", "colours", "sounds", "shadows", "voices")
DOING = ("come", "wait", "change", "return", "wander", "rest", "gather", "fade")
HOW = ("slowly", "quietly", "early", "together", "gently", "again", "often", "softly")
KIND = ("small", "bright", "old", "warm", "distant", "gentle", "strange", "familiar")


def example(chance: Random) -> Example:
    """Return one request for a number of words and a note that has exactly so many."""
    topic, count = chance.choice(TOPICS), chance.choice(TARGETS)
    return Example(
        user=chance.choice(ASKED).format(topic=topic, count=count),
        answer=note(chance, count),
        reference=count,
    )


def note(chance: Random, count: int) -> str:
    """Return sentences of five words each, `count` words in all."""
    return " ".join(_sentence(chance) for _ in range(count // 5))


def _sentence(chance: Random) -> str:
    thing, kind = chance.choice(THINGS), chance.choice(KIND)
    doing, how = chance.choice(DOING), chance.choice(HOW)
    return chance.choice(
        (
            f"The {kind} {thing} {doing} {how}.",
            f"Here {kind} {thing} {doing} {how}.",
            f"Many {kind} {thing} {doing} {how}.",
        )
    )
