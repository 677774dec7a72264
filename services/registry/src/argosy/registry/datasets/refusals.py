"""Answers that are no answer: the phrases by which models decline, in English and in Chinese.

Only how an answer begins is read: "I cannot" in its middle is mostly part of an answer. A guess to
show people, not a verdict. Knows phrases; does not know what is done about them.
"""

from __future__ import annotations

import re
from typing import Final

# As far as a refusal is looked for: a sentence or two.
_BEGINNING: Final = 160

_APOLOGY: Final = (
    r"(?:(?:i'?m|i am|we'?re|we are)\s+(?:\w+\s+)?(?:sorry|afraid)|sorry|apologies|unfortunately)"
)
_CANNOT: Final = (
    r"(?:can(?:no|')t|can not|won't|will not|am (?:not able|unable)|'?m (?:not able|unable)"
    r"|are (?:not able|unable)|do(?:n't| not) (?:know|have (?:any |enough |access|the )))"
)
_ENGLISH: Final = re.compile(
    rf"(?:{_APOLOGY}\b[^.!?\n]{{0,60}}?\b(?:i|we)\s*{_CANNOT}"
    rf"|^(?:as|being) an? (?:ai|artificial|large|language)\b[^.!?\n]{{0,80}}\bi\s*{_CANNOT}"
    rf"|^(?:but )?i\s*(?:can(?:no|')t|can not|won't|will not|am unable to|'m unable to"
    r"|am not able to|'m not able to)\s+"
    r"(?:help|assist|answer|provide|comply|do|fulfil|discuss|support|share|give|tell)\b"
    r"|^i\s+(?:don't|do not) (?:know|understand (?:the|your) (?:question|request))\b)",
    re.IGNORECASE,
)
_UNABLE: Final = r"(?:无法|不能|不便|没法|没有办法|难以|不可以)"
_CHINESE: Final = re.compile(
    rf"(?:(?:抱歉|对不起|很遗憾|不好意思)[^。!?！？\n]{{0,30}}?{_UNABLE}"
    rf"|^作为(?:一个|一名|一款)?(?:人工智能|AI|大?语言模型|智能助手)[^。!?！？\n]{{0,40}}{_UNABLE}"
    rf"|^我(?:暂时|目前|现在)?{_UNABLE}(?:回答|提供|帮助|协助|满足|完成|处理|讨论)"
    r"|^我(?:也|还)?不(?:知道|清楚|了解|太清楚)"
    r"|^(?:抱歉|对不起|不好意思)[,，、\s]*我(?:还)?不(?:知道|清楚|了解|明白|会))",
    re.IGNORECASE,
)


def is_refusal(answer: str) -> bool:
    """Tell whether an answer begins as those do that decline the request."""
    beginning = answer.strip()[:_BEGINNING].replace("\u2019", "'")
    return any(phrase.search(beginning) for phrase in (_ENGLISH, _CHINESE))
