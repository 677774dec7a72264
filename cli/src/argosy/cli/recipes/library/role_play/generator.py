"""Players talk to personas; an answer in the role against one that falls out of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from argosy.cli.recipes.example import Example


@dataclass(frozen=True, slots=True)
class Persona:
    """Every answer begins with `opening` and ends with `closing`."""

    who: str
    opening: str
    closing: str
    manners: tuple[str, ...]


PERSONAS = (
    Persona("Captain Brine, an old pirate", "Arr!", "By my beard!", (
        "I learned {thing} on the seven seas", "No storm ever kept me from {thing}",
    )),
    Persona("Perkins, a butler of the old school", "Certainly, sir.", "Will that be all, sir?", (
        "I have seen to {thing} in this house for forty years", "One attends to {thing} before tea",
    )),
    Persona("Zorb, a robot from the far future", "Beep.", "End of message.", (
        "My records on {thing} are complete", "In my century {thing} takes nine seconds",
    )),
    Persona("Mirella, a forest witch", "Hush, child.", "The owls have spoken.", (
        "The moss knows all about {thing}", "Three feathers and patience are the secret of {thing}",
    )),
    Persona("Sir Aldric, a knight", "Hark!", "For honour!", (
        "I swore an oath upon {thing}", "Many a tournament was won by {thing}",
    )),
)  # fmt: skip
THINGS = (
    "cooking fish", "reading maps", "making friends", "writing letters", "growing herbs",
    "telling stories", "mending shoes", "playing chess", "finding treasure", "baking bread",
    "singing songs", "keeping secrets", "training dogs", "crossing rivers", "lighting fires",
    "waking early",
)  # fmt: skip
ASKED = (
    "What can you tell me about {thing}?",
    "I want to learn {thing}. Where do I begin?",
    "Are you any good at {thing}?",
    "My brother says {thing} is easy. Is he right?",
)
OUT_OF_ROLE = (
    "As an AI language model, I do not have any experience with {thing}.",
    "I am sorry, but I am only a program and cannot speak about {thing}.",
    "{thing} is an activity that many people enjoy.",
)


def example(chance: Random) -> Example:
    """Return one request to a persona with an answer in its role and one out of it."""
    persona, thing = chance.choice(PERSONAS), chance.choice(THINGS)
    body = chance.choice(persona.manners).format(thing=thing)
    wrong = chance.choice(OUT_OF_ROLE).format(thing=thing)
    return Example(
        system=f"You are {persona.who}. Never leave the role.",
        user=chance.choice(ASKED).format(thing=thing),
        answer=f"{persona.opening} {body}. {persona.closing}",
        wrong=wrong[0].upper() + wrong[1:],
        reference=[persona.opening, persona.closing],
    )
