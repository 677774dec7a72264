"""How preset records are made: a rule draws one at a time, and no question comes twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

Record = dict[str, Any]
Rule = Callable[[Random], Record]

# So many drawn in vain, and the rule has no more to say.
_TRIES: Final = 200


def talk(asked: str, answer: str, *, system: str = "") -> Record:
    """Return a dialogue of one turn."""
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return {"messages": [{"role": "system", "content": system}, *messages] if system else messages}


def pair(asked: str, better: str, worse: str, *, system: str = "") -> Record:
    """Return a preference of one answer over another."""
    messages = talk(asked, "", system=system)["messages"][:-1]
    return {
        "input": {"messages": messages},
        "preferred_output": [{"role": "assistant", "content": better}],
        "non_preferred_output": [{"role": "assistant", "content": worse}],
    }


def draw(rule: Rule, seed: int) -> Iterator[Record]:
    """Yield records with different questions, the same ones for the same seed."""
    # Not for secrets: everybody's presets are the same.
    chance = Random(seed)  # noqa: S311
    seen: set[str] = set()
    tries = 0
    while tries < _TRIES:
        record = rule(chance)
        asked = str(record.get("input", {"messages": record.get("messages", [])[:-1]}))
        tries += 1
        if asked not in seen:
            seen.add(asked)
            tries = 0
            yield record
