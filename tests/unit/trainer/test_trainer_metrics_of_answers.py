"""Metrics of answers: against values that other implementations give, and against brute force."""

from __future__ import annotations

import random

import pytest
from argosy.trainer.domain.evaluation import bleu, distances, exact, labels, rouge
from argosy.trainer.domain.evaluation.labels import Verbalizer
from argosy.trainer.domain.evaluation.opinions import MANUAL_RANGE, opinion
from argosy.trainer.domain.evaluation.words import words

SAID = "the cat is on the mat"
WANTED = "there is a cat on the mat"
CHINESE = "法国的首都是巴黎。"


def bleu_of(*pairs: tuple[str, str]) -> float:
    return bleu.bleu(bleu.counts(words(said), words(wanted)) for said, wanted in pairs)


def rouge_2(said: str, wanted: str) -> float:
    return rouge.rouge_n(2, words(said), words(wanted))


@pytest.mark.parametrize("text", ["cold", SAID, CHINESE, "42", "+", "巴黎"])
def test_p25_s06_the_same_text_has_full_marks_and_no_distance(text: str) -> None:
    assert bleu_of((text, text)) == pytest.approx(100)
    assert rouge.rouge_n(1, words(text), words(text)) == 100
    assert rouge_2(text, text) == 100
    assert rouge.rouge_l(words(text), words(text)) == 100
    assert exact.exact_match(text, text) == exact.word_f1(text, text) == 100
    assert distances.edit_distance(text, text) == 0
    assert distances.embedding_distance([1.0, 2.0], [1.0, 2.0]) == pytest.approx(0)


def test_p25_bleu_is_what_sacrebleu_says() -> None:
    # sacrebleu 2.6: sentence_bleu(SAID, [WANTED], tokenize="none", use_effective_order=True)
    assert bleu_of((SAID, WANTED)) == pytest.approx(29.059254, abs=1e-5)
    # corpus_bleu over three records, one of them without any match of words.
    three = ((SAID, WANTED), ("no idea", "it is cold"), ("a b c d e", "a b c x e"))
    assert bleu_of(*three) == pytest.approx(25.571620, abs=1e-5)
    assert bleu_of(("no", "yes")) == bleu_of(("", "yes")) == 0


def test_p25_rouge_is_what_rouge_score_says() -> None:
    # rouge-score 0.1.2, without a stemmer.
    assert rouge.rouge_n(1, words(SAID), words(WANTED)) == pytest.approx(76.923077, abs=1e-5)
    assert rouge_2(SAID, WANTED) == pytest.approx(36.363636, abs=1e-5)
    assert rouge.rouge_l(words(SAID), words(WANTED)) == pytest.approx(61.538462, abs=1e-5)


def test_p25_chinese_is_counted_by_its_characters() -> None:
    assert words("法国的首都是Paris。") == ["法", "国", "的", "首", "都", "是", "paris"]
    assert 0 < rouge_2("法国首都是巴黎", CHINESE) < 100
    assert bleu_of(("德国的首都是柏林", CHINESE)) < bleu_of(("法国首都是巴黎", CHINESE))


def test_s06_the_edit_distance_is_a_share_of_the_longer_text() -> None:
    assert distances.edit_distance("kitten", "sitting") == pytest.approx(3 / 7)
    assert distances.edit_distance("", "abcd") == 1
    assert distances.edit_distance("巴黎", "柏林") == 1
    assert distances.embedding_distance([1.0, 0.0], [0.0, 1.0]) == 1
    assert distances.embedding_distance([1.0, 0.0], [-1.0, 0.0]) == 1
    assert distances.embedding_distance([0.0, 0.0], [1.0, 0.0]) == 1


def test_edits_and_common_words_are_those_of_the_plain_tables() -> None:
    chance = random.Random(5)
    for _ in range(300):
        one = "".join(chance.choices("abc", k=chance.randrange(9)))
        other = "".join(chance.choices("abc", k=chance.randrange(9)))
        assert distances.edits(one, other) == plain_edits(one, other), (one, other)
        assert rouge.longest_common(list(one), list(other)) == plain_common(one, other)


def plain_edits(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(other, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b)))
        row = new
    return row[-1]


def plain_common(one: str, other: str) -> int:
    row = [0] * (len(other) + 1)
    for a in one:
        new = [0]
        for j, b in enumerate(other, 1):
            new.append(row[j - 1] + 1 if a == b else max(row[j], new[-1]))
        row = new
    return row[-1]


FEELINGS = {"positive": ["good", "好评", "满意"], "negative": ["bad", "not good", "差评", "不满意"]}


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("positive", "positive"),
        ("Good!", "positive"),
        ("It is not good at all.", "negative"),
        ("I would say it is good, not bad.", "positive"),
        ("这是一条好评。", "positive"),
        ("客户不满意", "negative"),
        ("goodness knows", None),
        ("", None),
    ],
)
def test_c08_an_answer_is_mapped_to_a_label_by_the_verbalizer(
    answer: str, label: str | None
) -> None:
    assert Verbalizer(FEELINGS)(answer) == label


def test_c08_of_two_words_that_begin_together_the_longer_one_is_meant() -> None:
    grades = {"high": ["good"], "middle": ["good enough"]}
    for order in (grades, dict(reversed(grades.items()))):
        assert Verbalizer(order)("It is good enough.") == "middle"
        assert Verbalizer(order)("It is good.") == "high"


def test_c08_p25_accuracy_and_f1_by_label() -> None:
    pairs: list[tuple[str | None, str]] = [
        ("a", "a"), ("a", "a"), ("b", "a"), (None, "a"), ("b", "b"), ("a", "b"),
    ]  # fmt: skip
    first, second = labels.label_scores(pairs)
    assert (first.label, first.records, first.accuracy) == ("a", 4, 50)
    assert first.precision == pytest.approx(200 / 3)
    assert first.f1 == pytest.approx(400 / 7)
    assert (second.accuracy, second.precision, second.f1) == (50, 50, 50)
    assert labels.accuracy(pairs) == 50
    assert labels.macro(pairs, "f1") == pytest.approx((400 / 7 + 50) / 2)
    # Three right, five told, six wanted.
    assert labels.micro_f1(pairs) == pytest.approx(600 / 11)
    assert labels.macro(pairs, "accuracy") == 50


def test_p25_opinions_have_mean_spread_median_and_shares() -> None:
    told = opinion([2, 2, 1, 0], MANUAL_RANGE)
    assert told is not None
    assert (told.average, told.median, told.good) == (1.25, 1.5, 0.5)
    assert told.spread == pytest.approx(0.829156, abs=1e-5)
    assert told.distribution == {"0": 0.25, "1": 0.25, "2": 0.5}
    judged = opinion([4.9, 5.0, 0.2], (0.0, 5.0))
    assert judged is not None
    assert judged.distribution["4"] == judged.distribution["5"] == pytest.approx(1 / 3)
    assert opinion([], (0.0, 5.0)) is None
