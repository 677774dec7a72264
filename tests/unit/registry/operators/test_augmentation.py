"""C25, P24: new records after the pattern of a few."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from argosy.registry.datasets.operators.augmentation import prompting
from argosy.registry.datasets.operators.augmentation.novelty import Novelty
from argosy.registry.datasets.operators.augmentation.parameters import Parameters
from argosy.registry.datasets.operators.augmentation.run import Synthetic, Tally, augment
from argosy.registry.datasets.operators.similarity import rouge_l
from argosy.registry.datasets.operators.texts import question
from argosy.registry.datasets.operators.words import words
from argosy.registry.domain.rules import RuleBroken

from tests.unit.registry.operators.records import Record, talk

SEEDS = [
    talk("How do I return a pair of shoes?", "Send them back within 30 days."),
    talk("Where is my parcel?", "It arrives tomorrow."),
    talk("Can I pay by card?", "Yes, by any card."),
]


def line(prompt: str, response: str = "Of course.") -> str:
    return json.dumps({"prompt": prompt, "response": response}, ensure_ascii=False)


async def collect(
    answers: list[str], tally: Tally, *, seeds: list[Record] = SEEDS, **given: Any
) -> tuple[list[Synthetic], list[list[Record]]]:
    requests: list[list[Record]] = []
    replies = itertools.chain(answers, itertools.repeat("I have nothing to add."))

    async def ask(messages: list[Record]) -> str:
        requests.append(messages)
        return next(replies)

    run = augment(seeds, ask, Parameters.checked(given), tally, seed=5)
    return [found async for found in run], requests


async def test_c25_new_records_are_unlike_all_others_and_marked_synthetic() -> None:
    tally = Tally()
    answers = [
        "Here you are:\n```json\n"
        + "\n".join(
            (
                line("How do I return a pair of boots?"),
                line("When does the shop in Lisbon open?"),
                line("When does the shop in Lisbon open today?"),
                line("请问可以开发票吗？"),
            )
        ),
        line("Do you deliver to islands?") + line("Is there a discount for students?"),
    ]
    found, requests = await collect(
        answers, tally, numSeedFewshot=2, numInstancesToGenerate=4, similarityThreshold=0.7
    )
    assert [question(each.record) for each in found] == [
        "When does the shop in Lisbon open?",
        "请问可以开发票吗？",
        "Do you deliver to islands?",
        "Is there a discount for students?",
    ]
    assert {each.origin for each in found} == {"synthetic"}
    assert all(len(each.seeds) == 2 for each in found)
    assert (tally.requests, tally.written, tally.too_similar, tally.accepted) == (2, 6, 2, 4)
    texts = [question(record) for record in (*SEEDS, *(each.record for each in found))]
    for one, other in itertools.combinations(texts, 2):
        assert rouge_l(words(one), words(other)) < 0.7
    # Two seeds are shown, and only as many are asked for as are wanted.
    assert requests[0][1]["content"].count('"prompt"') == 2
    assert requests[0][1]["content"].endswith("Write 4 new ones.")
    assert requests[1][1]["content"].endswith("Write 2 new ones.")


async def test_c25_a_model_that_repeats_itself_ends_the_run() -> None:
    tally = Tally()
    found, requests = await collect(
        [line("Something new?")] * 50, tally, num_instances_to_generate=9
    )
    assert len(found) == 1
    assert len(requests) == 9


async def test_seeds_keep_their_instructions_and_their_kind() -> None:
    system = {"role": "system", "content": "You are a shop."}
    prompts = [{"messages": [system, {"role": "user", "content": "Where is it?"}]}]
    found, _ = await collect(
        [line("Who are you?", "Nobody.")], Tally(), seeds=prompts, num_instances_to_generate=1
    )
    assert found[0].record == {"messages": [system, {"role": "user", "content": "Who are you?"}]}
    with pytest.raises(RuleBroken, match="kind text cannot be seeds"):
        prompting.request([{"text": "x"}], 1)


@pytest.mark.parametrize(
    ("name", "value", "range_"),
    [
        ("numSeedFewshot", 0, "1 to 10"),
        ("numSeedFewshot", 11, "1 to 10"),
        ("num_instances_to_generate", 0, "1 to 5000"),
        ("numInstancesToGenerate", 5001, "1 to 5000"),
        ("similarityThreshold", 1.01, "0 to 1"),
        ("similarity_threshold", -0.1, "0 to 1"),
        ("numSeedFewshot", 2.5, "1 to 10"),
    ],
)
def test_p24_parameters_are_held_to_their_ranges(name: str, value: Any, range_: str) -> None:
    with pytest.raises(RuleBroken, match=range_):
        Parameters.checked({name: value})


def test_an_answer_is_read_as_far_as_it_is_whole() -> None:
    answer = f'[{line("One?")}, {{"prompt": "Two?"}}, {{"prompt": 3}}, {line("Four?")[:-5]}'
    assert [question(r) for r in prompting.read(answer, SEEDS[0])] == ["One?"]
    assert [
        question(r) for r in prompting.read(answer, {"messages": SEEDS[0]["messages"][:1]})
    ] == [
        "One?",
        "Two?",
    ]


def test_a_threshold_of_one_lets_all_but_the_same_pass_and_of_none_nothing() -> None:
    all_but_same, nothing = Novelty(1.0), Novelty(0.0)
    for novelty in (all_but_same, nothing):
        novelty.add("a b c d")
    assert all_but_same.is_new("a b c d e")
    assert not all_but_same.is_new("A b, c d!")
    assert not nothing.is_new("x y z")
