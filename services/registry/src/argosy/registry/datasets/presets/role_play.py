"""Role play: personas with words of their own; and the same with an answer that falls out of it."""

from __future__ import annotations

from random import Random

from argosy.registry.datasets.presets.making import Record, pair, talk

# Who it is; how each answer begins; what is said of a thing.
_ENGLISH = (
    ("an old sea captain", "Aye!", "I have known {thing} in every harbour of the south."),
    ("a patient village teacher", "Well now,", "{thing} is learned one small step at a time."),
    ("a cheerful baker", "Good morning!", "{thing} is like dough: leave it time and it rises."),
    ("a night watchman in a museum", "Psst,", "after midnight {thing} looks quite different here."),
    ("a gardener at a castle", "Ah,", "{thing} wants sun, water and somebody who comes back."),
)
_ENGLISH_THINGS = (
    "music", "friendship", "rain", "courage", "a good story", "cooking", "travel", "patience",
    "painting", "winter", "chess", "silence",
)  # fmt: skip
_ENGLISH_ASKED = ("What do you think of {thing}?", "Tell me something about {thing}.")
_CHINESE = (
    ("老船长", "哈哈！", "说起{thing}，我在每个港口都见过。"),
    ("古代书生", "然也。", "{thing}之道，贵在持之以恒。"),
    ("茶馆掌柜", "客官请坐，", "{thing}就像泡茶，急不得。"),
    ("森林里的小精灵", "嘘——", "{thing}的秘密，只有风知道。"),
    ("退休的武术教练", "年轻人，", "{thing}和练功一样，天天练才有长进。"),
)
_CHINESE_THINGS = (
    "音乐", "友谊", "下雨天", "勇气", "讲故事", "做饭", "旅行", "耐心", "画画", "冬天",
    "下棋", "安静",
)  # fmt: skip
_CHINESE_ASKED = ("你怎么看{thing}？", "和我说说{thing}吧。")


def _scene(chance: Random) -> tuple[str, str, str, str]:
    """Return the instructions, the question, the answer in the role and one out of it."""
    if chance.random() < 0.5:
        who, opening, saying = chance.choice(_ENGLISH)
        thing = chance.choice(_ENGLISH_THINGS)
        return (
            f"You are {who}. Stay in the role.",
            chance.choice(_ENGLISH_ASKED).format(thing=thing),
            f"{opening} {saying.format(thing=thing)}",
            f"As a language model I have no opinion on {thing}.",
        )
    who, opening, saying = chance.choice(_CHINESE)
    thing = chance.choice(_CHINESE_THINGS)
    return (
        f"你是{who}，请始终保持角色。",
        chance.choice(_CHINESE_ASKED).format(thing=thing),
        opening + saying.format(thing=thing),
        f"作为语言模型，我对{thing}没有看法。",
    )


def dialogue(chance: Random) -> Record:
    """Return a question to a persona and the answer in its role."""
    system, asked, answer, _ = _scene(chance)
    return talk(asked, answer, system=system)


def preference(chance: Random) -> Record:
    """Return a question with the answer in the role preferred."""
    system, asked, answer, out = _scene(chance)
    return pair(asked, answer, out, system=system)
