"""What an augmentation may be asked for. Knows ranges only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from argosy.registry.datasets.operators.ranges import integer, number

MOST_SEEDS: Final = 10
MOST_INSTANCES: Final = 5_000

# As clients of other platforms call them.
_ALIASES: Final = {
    "numSeedFewshot": "num_seed_fewshot",
    "numInstancesToGenerate": "num_instances_to_generate",
    "similarityThreshold": "similarity_threshold",
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Seeds shown in one request, records wanted, and how alike two may be (ROUGE-L, 0 to 1)."""

    num_seed_fewshot: int = 5
    num_instances_to_generate: int = 100
    similarity_threshold: float = 0.7

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Parameters:
        """Return the parameters that `given` names; raises RuleBroken, naming the range."""
        named = {_ALIASES.get(name, name): value for name, value in given.items()}
        return cls(
            integer(named.get("num_seed_fewshot", 5), "num_seed_fewshot", 1, MOST_SEEDS),
            integer(
                named.get("num_instances_to_generate", 100),
                "num_instances_to_generate",
                1,
                MOST_INSTANCES,
            ),
            number(named.get("similarity_threshold", 0.7), "similarity_threshold", 0, 1),
        )
