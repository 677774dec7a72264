"""Sentiment: short reviews of things, and whether they are positive, negative or neutral."""

from __future__ import annotations

from random import Random

from argosy.registry.datasets.presets.making import Record, talk

_ENGLISH = {
    "positive": (
        "The {thing} is better than I hoped, and it came early.",
        "I use the {thing} every day and would buy it again.",
        "What a lovely {thing}, my whole family likes it.",
    ),
    "negative": (
        "The {thing} broke in the first week.",
        "I waited a month for the {thing}, and it is the wrong colour.",
        "Never again: the {thing} is loud and feels cheap.",
    ),
    "neutral": (
        "The {thing} is as described.",
        "I bought the {thing} for my office; I have not used it yet.",
        "The {thing} comes in a brown box with a manual.",
    ),
}
_ENGLISH_THINGS = (
    "kettle", "lamp", "backpack", "keyboard", "chair", "blanket", "toaster", "raincoat", "camera",
    "notebook", "umbrella", "clock",
)  # fmt: skip
_CHINESE = {
    "正面": (
        "{thing}比想象中还好，物流也快。",
        "每天都在用这款{thing}，还会回购。",
        "全家人都喜欢这个{thing}！",
    ),
    "负面": (
        "{thing}用了一周就坏了。",
        "等了一个月，{thing}颜色还发错了。",
        "{thing}噪音大，做工差，不会再买。",
    ),
    "中性": (
        "{thing}和描述的一样。",
        "给办公室买的{thing}，还没有用。",
        "{thing}用纸箱包装，附有说明书。",
    ),
}
_CHINESE_THINGS = (
    "水壶", "台灯", "背包", "键盘", "椅子", "毛毯", "面包机", "雨衣", "相机", "笔记本", "雨伞",
    "闹钟",
)  # fmt: skip
_ENGLISH_SYSTEM = "Say whether the review is positive, negative or neutral."
_CHINESE_SYSTEM = "判断这条评价的情感：正面、负面或中性。"


def dialogue(chance: Random) -> Record:
    """Return a review and its sentiment."""
    english = chance.random() < 0.5
    sayings = _ENGLISH if english else _CHINESE
    label = chance.choice(list(sayings))
    thing = chance.choice(_ENGLISH_THINGS if english else _CHINESE_THINGS)
    return talk(
        chance.choice(sayings[label]).format(thing=thing),
        label,
        system=_ENGLISH_SYSTEM if english else _CHINESE_SYSTEM,
    )
