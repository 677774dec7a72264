"""Whether to tune, how, and at which scale: the decision table by its acceptance lines."""

from __future__ import annotations

import pytest
from argosy.api.records import METHODS, SCALES
from argosy.trainer.domain.choice import (
    FEW,
    PREPARE,
    Choice,
    Goal,
    Has,
    Needs,
    Way,
    choose,
    choose_scale,
    goals,
)


def chosen(*wanted: Goal, **more: object) -> Choice:
    return choose(Needs(goals=frozenset(wanted), **more))  # type: ignore[arg-type]


def test_d05_a_domain_corpus_of_texts_asks_for_post_pretraining() -> None:
    choice = chosen(Goal.DOMAIN_CORPUS, has=Has.TEXTS, records=50_000)
    assert (choice.way, choice.method) == (Way.TUNING, "post_pretrain")


@pytest.mark.parametrize("goal", [Goal.FORMAT, Goal.TONE, Goal.EDGE_CASES])
def test_d06_format_tone_and_edge_cases_ask_for_sft(goal: Goal) -> None:
    assert chosen(goal, has=Has.DIALOGUES, records=800).method == "sft"
    assert chosen(goal).method == "sft"


@pytest.mark.parametrize(
    ("has", "method"),
    [(Has.PAIRS, "dpo"), (Has.VERDICTS, "kto"), (Has.RANKINGS, "reward"), (Has.CHECKABLE, "rlhf")],
)
def test_d07_what_was_accepted_and_rejected_asks_for_dpo_or_kto(has: Has, method: str) -> None:
    assert chosen(Goal.PREFERENCE, has=has, records=2_000).method == method


def test_d07_preferences_to_be_collected_are_pairs() -> None:
    assert chosen(Goal.PREFERENCE).method == "dpo"


def test_d08_many_samples_and_no_general_ability_ask_for_a_full_update() -> None:
    assert choose_scale(50_000, keep_general=False)[0] == "full"
    assert choose_scale(50_000)[0] == "lora"
    assert choose_scale(5_000, keep_general=False)[0] == "lora"


def test_d09_under_a_thousand_samples_lora() -> None:
    scale, reason = choose_scale(800, keep_general=False)
    assert scale == "lora"
    assert "800 records are under 1,000" in reason


def test_d10_prompt_tuning_is_never_proposed() -> None:
    for records in (0, 10, 999, 1_000, 10_000, 1_000_000):
        for keep in (True, False):
            assert choose_scale(records, keep_general=keep)[0] != "prompt_tuning"


@pytest.mark.parametrize(
    "goal",
    [Goal.NEW_KNOWLEDGE, Goal.COMPLEX_SCENE, Goal.EDGE_CASES, Goal.VERTICAL_KNOWLEDGE],
)
def test_d52_each_ticked_need_names_the_method_and_the_data(goal: Goal) -> None:
    choice = chosen(goal, records=2_000)
    assert choice.way is Way.TUNING
    assert choice.method in METHODS
    assert choice.scale in SCALES
    assert choice.prepare == PREPARE[choice.method]
    assert len(choice.reasons) >= 3


def test_c33_few_records_and_facts_that_change_ask_for_a_knowledge_base() -> None:
    choice = chosen(Goal.NEW_KNOWLEDGE, records=999, facts_change_often=True)
    assert (choice.way, choice.method, choice.scale) == (Way.KNOWLEDGE_BASE, "", "")
    many = chosen(Goal.NEW_KNOWLEDGE, records=FEW, facts_change_often=True)
    assert many.way is Way.TUNING
    assert "knowledge base" in many.reasons[-1]


def test_nothing_ticked_needs_no_tuning() -> None:
    assert choose(Needs()).way is Way.PROMPT


def test_c37_every_combination_gets_advice_and_none_a_refusal() -> None:
    for goal in Goal:
        for has in Has:
            for records in (0, 100, 1_000_000):
                assert chosen(goal, has=has, records=records).prepare


def test_goals_from_outside_are_judged() -> None:
    assert goals(["tone", "format"]) == {Goal.TONE, Goal.FORMAT}
    with pytest.raises(ValueError, match="'taste' is no goal; these are: domain_corpus"):
        goals(["tone", "taste"])
