"""Requests of two hundred everyday things, split into those to learn from and those held out.

Written for this benchmark. The same seed gives the same split; nothing held out is learnt from.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

THINGS = """
an apple, a bicycle, a bridge, a candle, a castle, a clock, a cloud, a desert, a dictionary, a
dolphin, a drum, an eagle, an elephant, an engine, a feather, a ferry, a flute, a forest, a
fountain, a garden, a glacier, a guitar, a hammer, a harbour, a helicopter, honey, a horse, an
island, a jacket, a kettle, a kitchen, a ladder, a lake, a lamp, a lemon, a library, a lighthouse,
a lion, a magnet, a map, a market, a microscope, a mirror, a mountain, a museum, a needle, an
oak tree, an ocean, an orchestra, an owl, a painting, paper, a parachute, a pencil, a penguin, a
piano, a pillow, a planet, a pyramid, a rabbit, a rainbow, a river, a robot, a rocket, a rose, a
sailing boat, salt, a school, a shadow, a shark, a shoe, silk, snow, soap, a spider, a spoon, a
stadium, a statue, a storm, sugar, a sunflower, a telescope, a tiger, a train, a tree, a tulip, a
tunnel, an umbrella, a valley, a violin, a volcano, a wheel, a whale, a window, winter, a wolf
""".replace("\n", " ")
WAYS = ("Tell me about {}.", "What is {}?")


@dataclass(frozen=True)
class Requests:
    training: list[str]
    held_out: list[str]


def split(seed: int, training: int, held_out: int) -> Requests:
    things = [thing.strip() for thing in THINGS.split(",")]
    rng = random.Random(seed)  # noqa: S311 - a shuffle, not a secret
    rng.shuffle(things)
    later, earlier = things[:held_out], things[held_out:]
    asked = [way.format(thing) for thing in earlier for way in WAYS]
    rng.shuffle(asked)
    return Requests(asked[:training], [WAYS[0].format(thing) for thing in later])
