"""General ability: sums, opposites, capitals, orders, units. Mixed in, tuning keeps them."""

from __future__ import annotations

from random import Random

from argosy.registry.datasets.presets.making import Record, talk

_CAPITALS = (
    ("France", "Paris", "法国", "巴黎"), ("Japan", "Tokyo", "日本", "东京"),
    ("Egypt", "Cairo", "埃及", "开罗"), ("Peru", "Lima", "秘鲁", "利马"),
    ("Kenya", "Nairobi", "肯尼亚", "内罗毕"), ("Norway", "Oslo", "挪威", "奥斯陆"),
    ("Spain", "Madrid", "西班牙", "马德里"), ("Greece", "Athens", "希腊", "雅典"),
    ("Thailand", "Bangkok", "泰国", "曼谷"), ("Cuba", "Havana", "古巴", "哈瓦那"),
    ("Poland", "Warsaw", "波兰", "华沙"), ("Iran", "Tehran", "伊朗", "德黑兰"),
    ("Austria", "Vienna", "奥地利", "维也纳"), ("China", "Beijing", "中国", "北京"),
)  # fmt: skip
_OPPOSITES = (
    ("hot", "cold", "热", "冷"), ("early", "late", "早", "晚"), ("full", "empty", "满", "空"),
    ("rich", "poor", "富", "穷"), ("near", "far", "近", "远"), ("light", "heavy", "轻", "重"),
    ("open", "closed", "开", "关"), ("new", "old", "新", "旧"), ("loud", "quiet", "吵", "静"),
    ("wide", "narrow", "宽", "窄"), ("deep", "shallow", "深", "浅"), ("dry", "wet", "干", "湿"),
)  # fmt: skip


def _capital(chance: Random, english: bool) -> Record:
    land, town, country, city = chance.choice(_CAPITALS)
    if english:
        return talk(f"What is the capital of {land}?", f"The capital of {land} is {town}.")
    return talk(f"{country}的首都是哪里？", f"{country}的首都是{city}。")


def _opposite(chance: Random, english: bool) -> Record:
    word, other, chinese, reverse = chance.choice(_OPPOSITES)
    if english:
        return talk(f'What is the opposite of "{word}"?', f'The opposite of "{word}" is "{other}".')
    return talk(f"“{chinese}”的反义词是什么？", f"“{chinese}”的反义词是“{reverse}”。")


def _sum(chance: Random, english: bool) -> Record:
    a, b = chance.randint(2, 49), chance.randint(2, 49)
    if english:
        return talk(f"How much is {a} plus {b}?", f"{a} plus {b} is {a + b}.")
    return talk(f"{a}加{b}等于多少？", f"{a}加{b}等于{a + b}。")


def _order(chance: Random, english: bool) -> Record:
    numbers = chance.sample(range(1, 100), 4)
    told, sorted_ = (", ".join(map(str, n)) for n in (numbers, sorted(numbers)))
    if english:
        return talk(f"Put these numbers in ascending order: {told}", sorted_)
    return talk(f"把这些数从小到大排列：{told}", sorted_)


def _unit(chance: Random, english: bool) -> Record:
    metres = chance.randint(2, 40)
    if english:
        return talk(f"How many centimetres are {metres} metres?", f"{100 * metres} centimetres.")
    return talk(f"{metres}米等于多少厘米？", f"{100 * metres}厘米。")


_KINDS = (_capital, _opposite, _sum, _order, _unit)


def dialogue(chance: Random) -> Record:
    """Return a question that has one right answer, and the answer."""
    english = chance.random() < 0.5
    return chance.choice(_KINDS)(chance, english)
