"""How much of a text is words that one does not want to teach a model.

The list is short and in two languages: it finds the coarse, not the subtle. Callers may bring their
own. A list of words judges no meaning: a text on the harm of drugs is flagged like one that sells
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from argosy.registry.datasets.operators.words import words

DEFAULT: Final = (
    # Abuse and obscenity.
    "asshole", "bastard", "bitch", "bullshit", "cunt", "dickhead", "fuck", "fucked", "fucker",
    "fucking", "motherfucker", "shit", "shitty", "slut", "whore", "wanker",
    "傻逼", "煞笔", "操你妈", "他妈的", "妈逼", "滚蛋", "贱人", "婊子", "王八蛋", "狗杂种",
    "去死吧",
    # Pornography.
    "blowjob", "gangbang", "hentai", "nudes", "porn", "porno", "pornhub", "xxx",
    "色情", "黄片", "裸聊", "约炮", "援交", "成人电影", "无码",
    # Drugs, gambling, weapons and fraud on offer.
    "cocaine", "heroin", "methamphetamine", "viagra",
    "冰毒", "海洛因", "摇头丸", "迷药", "赌场", "赌球", "六合彩", "枪支出售", "代开发票", "办假证",
    "刷单返利", "洗钱",
)  # fmt: skip


class FlaggedWords:
    """A list of words and phrases; phrases match as runs of words."""

    def __init__(self, listed: Iterable[str] = DEFAULT) -> None:
        self._phrases: dict[str, set[tuple[str, ...]]] = {}
        for entry in listed:
            phrase = tuple(words(entry))
            if phrase:
                self._phrases.setdefault(phrase[0], set()).add(phrase)

    def ratio(self, text: str) -> float:
        """Return the share of words that belong to a flagged phrase, from 0 to 1."""
        found = words(text)
        if not found:
            return 0.0
        flagged = index = 0
        while index < len(found):
            length = self._longest_at(found, index) if found[index] in self._phrases else 0
            flagged += length
            index += length or 1
        return flagged / len(found)

    def _longest_at(self, found: list[str], index: int) -> int:
        lengths = (
            len(phrase)
            for phrase in self._phrases[found[index]]
            if tuple(found[index : index + len(phrase)]) == phrase
        )
        return max(lengths, default=0)
