"""The child that counts: records come in on stdin, one JSON object goes out on stdout.

`python -m argosy.registry.measuring FOLDER` answers `{"rows", "total", "lengths": [[tokens,
records], …]}`, or `{"refused": "line 3: …"}` or `{"unusable": "…"}`. A process of its own, since
templates and tokenizers keep a core busy for minutes.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from argosy.registry.measuring.chat_template import Refused
from argosy.registry.measuring.token_counter import NoTokenizer, TokenCounter


def main(folder: Path) -> None:
    """Count what stdin holds by the model in `folder`."""
    try:
        answer = count(TokenCounter.open(folder), sys.stdin.buffer)
    except NoTokenizer as error:
        answer = {"unusable": str(error)}
    except Refused as error:
        answer = {"refused": str(error)}
    print(json.dumps(answer))


def count(counter: TokenCounter, lines: Iterable[bytes]) -> dict[str, Any]:
    """Return rows, tokens and how many records have each length."""
    lengths: Counter[int] = Counter()
    total = 0
    for measured in counter.lengths(_records(lines)):
        lengths[measured.longest] += 1
        total += measured.total
    return {"rows": lengths.total(), "total": total, "lengths": sorted(lengths.items())}


def _records(lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise Refused(f"line {number}: not a JSON object: {error}") from None
        if not isinstance(record, dict):
            raise Refused(f"line {number}: not a JSON object")
        yield number, record


if __name__ == "__main__":
    main(Path(sys.argv[1]))
