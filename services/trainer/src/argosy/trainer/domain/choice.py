"""Do I need tuning, and which: a decision table from what somebody wants and has to what fits.

Knows needs, methods and scales, and words for them. Advises and never forbids: how much data is
enough depends on the scene. Does not know a job, a model or a price.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argosy.api.records import (
    DPO,
    FULL,
    KTO,
    LORA,
    POST_PRETRAIN,
    REWARD,
    RLHF,
    SFT,
)


class Goal(StrEnum):
    """What is to become better."""

    DOMAIN_CORPUS = "domain_corpus"
    NEW_KNOWLEDGE = "new_knowledge"
    VERTICAL_KNOWLEDGE = "vertical_knowledge"
    FORMAT = "format"
    TONE = "tone"
    EDGE_CASES = "edge_cases"
    COMPLEX_SCENE = "complex_scene"
    PREFERENCE = "preference"
    COST = "cost"


class Has(StrEnum):
    """What there is to learn from."""

    NOTHING = "nothing"
    TEXTS = "texts"
    DIALOGUES = "dialogues"
    PAIRS = "pairs"
    VERDICTS = "verdicts"
    RANKINGS = "rankings"
    CHECKABLE = "checkable"


class Way(StrEnum):
    """The ways to a better answer, the cheapest first."""

    PROMPT = "prompt"
    KNOWLEDGE_BASE = "knowledge_base"
    TUNING = "tuning"


@dataclass(frozen=True, slots=True)
class Needs:
    """What somebody says. `records` is how many there are, or will be."""

    goals: frozenset[Goal] = frozenset()
    has: Has = Has.NOTHING
    records: int = 0
    facts_change_often: bool = False
    keep_general_ability: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """What fits. `method` and `scale` are empty unless the way is tuning."""

    way: Way
    method: str
    scale: str
    prepare: str
    reasons: tuple[str, ...]


# Below this, a full update forgets more than it learns, and facts are better looked up.
FEW: Final = 1_000
# From here on a full update has enough to learn from.
MANY: Final = 10_000

_KNOWLEDGE: Final = {Goal.NEW_KNOWLEDGE, Goal.VERTICAL_KNOWLEDGE, Goal.DOMAIN_CORPUS}

# What to prepare, by method.
PREPARE: Final = {
    POST_PRETRAIN: (
        "Plain texts of the field, cleaned and without duplicates, one document a line: "
        '{"text": …}. A billion tokens are advised; it runs on less and teaches less.'
    ),
    SFT: (
        "Dialogues with the answer that you want: "
        '{"messages": [{"role": "user", …}, {"role": "assistant", …}]}. '
        "50 can teach a form, 1,000 are advised; cover every kind of request, the rare ones too."
    ),
    DPO: (
        "For each request two answers, the better and the worse one: "
        '{"input": {"messages": …}, "preferred_output": […], "non_preferred_output": […]}.'
    ),
    KTO: (
        "Single answers with a verdict, such as thumbs up or down: "
        '{"messages": […], "completion": …, "label": true}. Both verdicts must occur.'
    ),
    RLHF: (
        "Requests without answers, {\"messages\": …}, and a judge: a grader that checks answers, "
        "or a reward model, which is trained first."
    ),
    REWARD: (
        'Several answers to each request in order, best first: {"messages": …, "responses": […]}. '
        "Let more than one person rank, and look at how far they agree."
    ),
}  # fmt: skip

# What each goal asks for, and why.
GOALS: Final = {
    Goal.DOMAIN_CORPUS: "A field's corpus is taken in by post-pretraining on plain texts.",
    Goal.NEW_KNOWLEDGE: "New knowledge is learned from texts of it, or from questions and answers.",
    Goal.VERTICAL_KNOWLEDGE: "A field's knowledge and terms are learned from its own examples.",
    Goal.FORMAT: "A form of answer is learned from examples of it, by supervised fine-tuning.",
    Goal.TONE: "A tone is learned from answers in it, by supervised fine-tuning.",
    Goal.EDGE_CASES: "Edge cases are learned from examples of them, by supervised fine-tuning.",
    Goal.COMPLEX_SCENE: "A scene with many rules is learned from examples that follow them all.",
    Goal.PREFERENCE: "What people prefer is learned from answers that they compared or judged.",
    Goal.COST: "A small model learns one task from a large one's answers and costs less a call.",
}

# What can be learned from, in words.
SOURCES: Final = {
    Has.NOTHING: "Nothing yet.",
    Has.TEXTS: "Plain texts of the field.",
    Has.DIALOGUES: "Requests with the answers that are wanted.",
    Has.PAIRS: "Two answers to each request, one better than the other.",
    Has.VERDICTS: "Single answers with thumbs up or down.",
    Has.RANKINGS: "Several answers to each request, put in order by people.",
    Has.CHECKABLE: "Requests whose answers a program can check.",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table: the first whose condition holds decides the method."""

    holds: Callable[[Needs], bool]
    method: str
    reason: str


_METHODS: Final = (
    _Row(
        lambda n: n.has is Has.PAIRS,
        DPO,
        "Answers that were accepted and rejected for the same request make pairs: DPO.",
    ),
    _Row(
        lambda n: n.has is Has.VERDICTS,
        KTO,
        "Verdicts on single answers need no pairs: KTO learns from either side alone.",
    ),
    _Row(
        lambda n: n.has is Has.RANKINGS,
        REWARD,
        "Rankings train a reward model, which then judges answers in RLHF. DPO takes them too, as "
        "pairs.",
    ),
    _Row(
        lambda n: n.has is Has.CHECKABLE,
        RLHF,
        "Answers that a program can check are learned by trying: RLHF with a grader.",
    ),
    _Row(
        lambda n: n.has is Has.TEXTS and bool(n.goals & _KNOWLEDGE),
        POST_PRETRAIN,
        "Texts without questions teach a field by post-pretraining; fine-tune on dialogues after.",
    ),
    _Row(
        lambda n: n.goals == {Goal.DOMAIN_CORPUS},
        POST_PRETRAIN,
        "A corpus of texts is what post-pretraining learns from.",
    ),
    _Row(
        lambda n: n.goals == {Goal.PREFERENCE},
        DPO,
        "What can be compared is learned from pairs: DPO. With verdicts on one side only: KTO.",
    ),
    _Row(
        lambda _: True,
        SFT,
        "Supervised fine-tuning (SFT) is the first choice where the right answer can be written.",
    ),
)


def choose(needs: Needs) -> Choice:
    """Return what fits these needs, with the reasons in order of weight."""
    if not needs.goals:
        return Choice(
            Way.PROMPT, "", "", "A few requests that fail, to judge prompts by.",
            ("Nothing asks for tuning: try the prompt first, with a few examples in it.",),
        )  # fmt: skip
    why = tuple(GOALS[goal] for goal in Goal if goal in needs.goals)
    if needs.facts_change_often and needs.records < FEW:
        return Choice(
            Way.KNOWLEDGE_BASE,
            "",
            "",
            "The documents that hold the facts, in a vector store.",
            (
                f"The facts change often and there are {needs.records:,} records, under {FEW:,}: a "
                "knowledge base is up to date as soon as its documents are; a tuned model must be "
                "trained again.",
                *why,
            ),
        )
    row = next(row for row in _METHODS if row.holds(needs))
    scale, scale_reason = choose_scale(needs.records, keep_general=needs.keep_general_ability)
    reasons = [row.reason, scale_reason, *why]
    if needs.facts_change_often:
        reasons.append(
            "The facts change often: keep them in a knowledge base, and tune for how to answer."
        )
    return Choice(Way.TUNING, row.method, scale, PREPARE[row.method], tuple(reasons))


def choose_scale(records: int, *, keep_general: bool = True) -> tuple[str, str]:
    """Return the scale that fits, and why. Prompt tuning is possible and never advised."""
    if records < FEW:
        return LORA, (
            f"LoRA: {records:,} records are under {FEW:,}, and the model keeps its general ability."
        )
    if records >= MANY and not keep_general:
        return FULL, (
            f"Full update: {records:,} records are many, and general ability need not be kept."
        )
    if not keep_general:
        return LORA, (
            f"LoRA: {records:,} records are few for a full update, which is advised from {MANY:,}."
        )
    return LORA, "LoRA changes a small part and keeps the model's general ability."


def goals(named: Iterable[str]) -> frozenset[Goal]:
    """Return the goals that a caller ticked; ValueError names those that exist."""
    ticked = set(named)
    if unknown := ticked - set(Goal):
        raise ValueError(
            f"'{min(unknown)[:64]}' is no goal; these are: {', '.join(goal for goal in Goal)}."
        )
    return frozenset(Goal(name) for name in ticked)


def source(named: str) -> Has:
    """Return what a caller says there is, nothing for ""; ValueError names what can be said."""
    if named not in {"", *Has}:
        raise ValueError(
            f"'{named[:64]}' is nothing to learn from; these are: {', '.join(has for has in Has)}."
        )
    return Has(named) if named else Has.NOTHING
