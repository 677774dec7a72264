"""Whether requests have moved away from the training data, on seeded samples."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from argosy.trainer.domain.drift import stability
from argosy.trainer.domain.drift.requests import Request
from argosy.trainer.domain.drift.verdict import DriftVerdict, drift

_SHIPS = ("barque", "brig", "sloop", "cutter", "galley", "junk")
_ASKED = ("How many masts has a {}?", "Where does the {} sail?", "Who built the {} of {}?")
_COOKING = "Which {} do I need for a {} with mushrooms and saffron?"


def requests(
    count: int, seed: int, forms: Sequence[str] = _ASKED, down: int = 0, rated: int = 0
) -> list[Request]:
    chance = random.Random(seed)
    made = []
    for number in range(count):
        words = [chance.choice(_SHIPS) for _ in range(2)]
        question = chance.choice(forms).format(*words)
        rating = "down" if number < down else "up" if number < rated else ""
        messages = [{"role": "user", "content": question}]
        made.append(Request.of(f"chat-{number}", messages, "It is so. " * len(words), rating))
    return made


TRAINED = requests(200, 1)


def test_d31_requests_like_the_training_data_are_stable() -> None:
    for seed in range(2, 12):
        # As few as are compared at all: chance is taken off.
        found = drift(TRAINED, requests(30, seed))
        assert found.verdict is DriftVerdict.STABLE, found.findings[0].summary
        assert not found.retrain
        assert max(found.features.values()) < stability.MOVED


def test_d31_longer_requests_have_drifted() -> None:
    longer = [f"Please tell me at length, with all that is known of it: {form}" for form in _ASKED]
    found = drift(TRAINED, requests(60, 3, [f"{each} How many masts has it?" for each in longer]))
    moved = [each for each in found.findings if each.verdict is DriftVerdict.DRIFTED]
    assert moved[0].numbers["question_length"] > stability.MOVED
    assert found.retrain


def test_d31_a_new_scene_is_told_by_its_words() -> None:
    cooking = [_COOKING.replace("{}", word) for word in ("pan", "spoon", "kettle")]
    recent = requests(40, 4) + requests(30, 5, cooking)
    found = drift(TRAINED, recent)
    assert found.verdict is DriftVerdict.NEW_SCENE
    assert found.findings[0].numbers["share"] == pytest.approx(30 / 70)
    assert len(found.findings[0].requests) == 20


def test_d31_another_language_is_a_new_scene_too() -> None:
    found = drift(TRAINED, requests(60, 6, ["这艘船有几根桅杆？", "帆船什么时候出发去上海？"]))
    assert found.verdict is DriftVerdict.NEW_SCENE
    assert found.features["language"] > stability.MOVED


def test_d31_too_many_bad_answers_outweigh_the_rest() -> None:
    found = drift(TRAINED, requests(60, 7, down=5, rated=30))
    assert found.verdict is DriftVerdict.BAD_CASES
    assert found.findings[0].numbers["rate"] == pytest.approx(1 / 6)
    assert found.findings[0].requests == tuple(f"chat-{n}" for n in range(5))
    assert drift(TRAINED, requests(60, 7, down=3, rated=30)).verdict is DriftVerdict.STABLE


def test_d31_few_requests_say_nothing() -> None:
    found = drift(TRAINED, requests(29, 8, [_COOKING]))
    assert found.verdict is DriftVerdict.TOO_FEW
    assert not found.retrain


def test_the_index_of_a_distribution_with_itself_is_none() -> None:
    chance = random.Random(9)
    older = [chance.gauss(0, 1) for _ in range(500)]
    same = [chance.gauss(0, 1) for _ in range(500)]
    moved = [chance.gauss(1, 1) for _ in range(500)]
    assert stability.of_numbers(older, older) == 0
    assert stability.of_numbers(older, same) < 0.1
    assert stability.of_numbers(older, moved) > stability.MOVED
    assert stability.of_kinds(["a"] * 50, ["a"] * 50) == 0
    assert stability.of_kinds(["a"] * 50, ["b"] * 50) > 1
