"""Asks for records until there are enough, and takes the new ones.

The model is asked through a function that the caller gives; which model that is, what it costs and
how often a failed call is tried again is the caller's.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from argosy.registry.datasets.operators.augmentation import prompting
from argosy.registry.datasets.operators.augmentation.novelty import Novelty
from argosy.registry.datasets.operators.augmentation.parameters import Parameters
from argosy.registry.datasets.operators.texts import Record, question

Ask = Callable[[list[Record]], Awaitable[str]]

SYNTHETIC: Final = "synthetic"
# So many answers in a row without a new record, and the model has no more to say.
_BARREN: Final = 8


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A record that a model wrote, and the places of the records that it was shown."""

    record: Record
    seeds: tuple[int, ...]
    origin: str = SYNTHETIC


@dataclass(slots=True)
class Tally:
    """What became of the answers; grows as the run goes."""

    requests: int = 0
    written: int = 0
    too_similar: int = 0
    accepted: int = 0


async def augment(
    sources: Sequence[Record], ask: Ask, parameters: Parameters, tally: Tally, *, seed: int = 0
) -> AsyncIterator[Synthetic]:
    """Yield up to the wanted number of records, each unlike all sources and all before it.

    Fewer come if the model goes on repeating itself. `sources` are records of one kind. Raises
    RuleBroken for a kind that has no prompt, and what `ask` raises.
    """
    novelty = Novelty(parameters.similarity_threshold)
    for record in sources:
        novelty.add(question(record))
    # Not for secrets: the same seed shows the same records.
    chance = random.Random(seed)  # noqa: S311
    barren = 0
    while tally.accepted < parameters.num_instances_to_generate and barren < _BARREN:
        shown = chance.sample(range(len(sources)), min(parameters.num_seed_fewshot, len(sources)))
        wanted = parameters.num_instances_to_generate - tally.accepted
        seeds = [sources[place] for place in shown]
        answer = await ask(prompting.request(seeds, min(wanted, prompting.PER_REQUEST)))
        tally.requests += 1
        before = tally.accepted
        for record in prompting.read(answer, seeds[0]):
            tally.written += 1
            if tally.accepted == parameters.num_instances_to_generate:
                break
            if not novelty.is_new(question(record)):
                tally.too_similar += 1
                continue
            novelty.add(question(record))
            tally.accepted += 1
            yield Synthetic(record, tuple(shown))
        barren = 0 if tally.accepted > before else barren + 1
