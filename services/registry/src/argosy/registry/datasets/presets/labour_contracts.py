"""Labour contracts: short ones with the question which of the mandatory clauses are missing."""

from __future__ import annotations

from random import Random

from argosy.registry.datasets.presets.making import Record, talk

_ENGLISH = {
    "term": "The contract runs for {years} years.",
    "work and place": "The employee works as {job} at the head office.",
    "working hours": "Working time is {hours} hours a week.",
    "pay": "The monthly pay is {pay}.",
    "social insurance": "The employer pays the social insurance.",
    "safety at work": "The employer provides what safety at work requires.",
}
_ENGLISH_JOBS = ("a cook", "a driver", "an engineer", "a nurse", "a teacher", "a designer")
_CHINESE = {
    "合同期限": "本合同期限为{years}年。",
    "工作内容和地点": "乙方在公司总部从事{job}工作。",
    "工作时间": "乙方每周工作{hours}小时。",
    "劳动报酬": "甲方每月支付乙方工资{pay}元。",
    "社会保险": "甲方依法为乙方缴纳社会保险。",
    "劳动保护": "甲方为乙方提供必要的劳动保护条件。",
}
_CHINESE_JOBS = ("厨师", "司机", "工程师", "护士", "教师", "设计师")


def dialogue(chance: Random) -> Record:
    """Return a contract and the clauses that it lacks."""
    english = chance.random() < 0.5
    clauses = _ENGLISH if english else _CHINESE
    missing = chance.sample(list(clauses), chance.choice((0, 1, 1, 2)))
    filled = {
        "years": chance.randint(1, 5),
        "job": chance.choice(_ENGLISH_JOBS if english else _CHINESE_JOBS),
        "hours": chance.choice((35, 38, 40)),
        "pay": chance.randrange(3_000, 12_000, 100),
    }
    kept = [text.format(**filled) for name, text in clauses.items() if name not in missing]
    listed = [name for name in clauses if name in missing]
    if english:
        asked = f"Which mandatory clauses does this contract lack?\n{' '.join(kept)}"
        return talk(asked, f"Missing: {', '.join(listed)}." if listed else "Nothing is missing.")
    asked = f"这份劳动合同缺少哪些必备条款？\n{''.join(kept)}"
    return talk(asked, f"缺少：{'、'.join(listed)}。" if listed else "必备条款齐全。")
