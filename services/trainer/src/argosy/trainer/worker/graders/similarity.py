"""How alike two texts are, from 0 to 1: the metrics of text_similarity that need no model.

Words are what stands between spaces and punctuation; each Chinese, Japanese or Korean character is
one. BLEU: Papineni et al. (2002), smoothed by adding one (Lin and Och, 2004); GLEU: Wu et al.
(2016); ROUGE: Lin (2004), as F1.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W぀-ヿ㐀-鿿가-힯]+")
_ORDERS = 4


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def fuzzy_match(text: str, reference: str) -> float:
    """The share of characters that match in order."""
    return SequenceMatcher(None, text, reference, autojunk=False).ratio()


def bleu(text: str, reference: str) -> float:
    said, wanted = words(text), words(reference)
    if not said or not wanted:
        return float(said == wanted)
    logs = 0.0
    for order in range(1, _ORDERS + 1):
        matches, total = _matches(said, wanted, order)
        smooth = order > 1
        if not smooth and not matches:
            return 0.0
        logs += math.log((matches + smooth) / (total + smooth))
    brevity = min(1.0, math.exp(1 - len(wanted) / len(said)))
    return brevity * math.exp(logs / _ORDERS)


def gleu(text: str, reference: str) -> float:
    said, wanted = words(text), words(reference)
    counts = [_matches(said, wanted, order) for order in range(1, _ORDERS + 1)]
    matches = sum(found for found, _ in counts)
    possible = max(
        sum(total for _, total in counts),
        sum(max(len(wanted) - order + 1, 0) for order in range(1, _ORDERS + 1)),
    )
    return matches / possible if possible else float(said == wanted)


def rouge(order: int) -> Callable[[str, str], float]:
    def f1(text: str, reference: str) -> float:
        said, wanted = words(text), words(reference)
        matches, total = _matches(said, wanted, order)
        return _f1(matches, total, max(len(wanted) - order + 1, 0))

    return f1


def rouge_l(text: str, reference: str) -> float:
    said, wanted = words(text), words(reference)
    return _f1(_longest_common(said, wanted), len(said), len(wanted))


def _matches(said: Sequence[str], wanted: Sequence[str], order: int) -> tuple[int, int]:
    """How many runs of `order` words of the one are in the other, and how many there are."""
    one, other = _runs(said, order), _runs(wanted, order)
    return (one & other).total(), one.total()


def _runs(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[shift:] for shift in range(order)), strict=False))


def _f1(matches: int, said: int, wanted: int) -> float:
    return 2 * matches / (said + wanted) if said + wanted else 0.0


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for index, against in enumerate(other, start=1):
            best = before + 1 if word == against else max(row[index], row[index - 1])
            before, row[index] = row[index], best
    return row[-1]


METRICS: dict[str, Callable[[str, str], float]] = {
    "fuzzy_match": fuzzy_match,
    "bleu": bleu,
    "gleu": gleu,
    **{f"rouge_{order}": rouge(order) for order in range(1, 6)},
    "rouge_l": rouge_l,
}
