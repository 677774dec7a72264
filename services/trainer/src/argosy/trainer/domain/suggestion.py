"""What rules of thumb would choose, with whose rule it is. The user decides; nothing is changed.

Knows numbers of records. Does not know the job's plan.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

from argosy.trainer.domain.parameters.parameter import Value

PRACTITIONERS: Final = "practitioners' rule (15 / 10 / 2 rounds for 100 / 1,000 / 10,000 records)"
PRODUCT: Final = "product range (1 to 5 rounds)"

_EPOCHS: Final = ((100, 15), (1_000, 10), (10_000, 2))
_PRODUCT_EPOCHS: Final = (1, 5)


@dataclass(frozen=True, slots=True)
class Suggestion:
    parameter: str
    value: Value
    source: str
    why: str


def epochs(records: int) -> int:
    """Return the rounds that the rule gives a number of records: linear in its logarithm between
    the rule's three points, level outside. More data never gets more rounds."""
    first, last = _EPOCHS[0], _EPOCHS[-1]
    if records <= first[0]:
        return first[1]
    if records >= last[0]:
        return last[1]
    (low, many), (high, few) = next(
        pair for pair in itertools.pairwise(_EPOCHS) if records <= pair[1][0]
    )
    share = math.log(records / low) / math.log(high / low)
    return round(many + share * (few - many))


def suggest(records: int) -> list[Suggestion]:
    """Return both schools' epochs, each by name."""
    rule = epochs(records)
    return [
        Suggestion(
            "n_epochs",
            rule,
            PRACTITIONERS,
            f"{records:,} records: the fewer records, the more rounds.",
        ),
        Suggestion(
            "n_epochs",
            min(max(rule, _PRODUCT_EPOCHS[0]), _PRODUCT_EPOCHS[1]),
            PRODUCT,
            "More rounds than 5 risk that the records are learnt by heart.",
        ),
    ]
