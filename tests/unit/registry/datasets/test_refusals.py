"""datasets.refusals: which answers look like refusals, and what becomes of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from argosy.api import records as kinds
from argosy.registry.datasets.completions import BadCase, StoredCompletion, as_record, refuses
from argosy.registry.datasets.refusals import is_refusal

QUESTION = {"role": "user", "content": "Draw it."}


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I cannot assist with this request.",
        "Sorry, I don't have access to your calendar.",
        "Unfortunately, I am unable to draw charts.",
        "As an AI language model, I cannot create images.",
        "I can't provide that.",
        "I cannot answer this question.",
        "I don't know.",
        "I'm afraid I don't have enough information to answer.",
        "很抱歉，我无法回答这个问题。",
        "对不起, 我不能提供这类内容。",
        "作为一个人工智能语言模型，我无法直接生成图片。",
        "我无法提供折线图。",
        "我不知道。",
        "抱歉，我不太清楚，无法帮您。",
    ],
)
def test_d61_a_refusal_phrase_is_known(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "A barque has three masts.",
        "I'm sorry to hear that. Here is what you can do.",
        "You cannot divide by zero.",
        "I can help with that: send the file.",
        'She said "I cannot stay" and left.',
        "The letter begins: we are unable to attend on Monday.",
        "Not knowing the answer is fine; guess.",
        "抱歉让您久等了，订单已经发出。",
        "不能，密码只能由本人修改。",
        "人工智能是计算机科学的一个分支，无法用一句话说完。",
        "The answer is long. " * 20 + "I'm sorry, but I can't help with that.",
    ],
)
def test_d61_an_answer_is_no_refusal(answer: str) -> None:
    assert not is_refusal(answer)


def stored(content: str | None, rating: str = "", **message: str) -> StoredCompletion:
    completion = json.dumps({"choices": [{"message": {"content": content, **message}}]})
    return StoredCompletion(
        "chatcmpl-1",
        "proj_a",
        "m",
        datetime(2026, 1, 1, tzinfo=UTC),
        json.dumps([QUESTION]),
        completion,
        {"rating": rating} if rating else {},
        refuses(completion),
    )


def test_d61_what_people_say_goes_before_what_it_looks_like() -> None:
    assert stored("I cannot help with that.").bad_case is BadCase.REFUSAL
    assert stored("I cannot help with that.", "down").bad_case is BadCase.RATED_DOWN
    assert stored("I cannot help with that.", "up").bad_case is None
    assert stored("Here it is.", "down").bad_case is BadCase.RATED_DOWN
    assert stored("Here it is.").bad_case is None
    assert refuses(json.dumps({"choices": [{"message": {"content": None, "refusal": "No."}}]}))
    assert not refuses("{}")


def test_d61_a_bad_case_is_an_example_of_nothing_but_the_worse_side() -> None:
    refusal = stored("I cannot help with that.")
    assert as_record(refusal, kinds.DIALOGUE) == {"messages": [QUESTION]}
    worse = as_record(refusal, kinds.PREFERENCE)
    assert worse is not None
    assert "preferred_output" not in worse
    assert worse["non_preferred_output"][0]["content"] == "I cannot help with that."
    # Whether the refusal was wrong is a person's to say.
    assert as_record(refusal, kinds.UNPAIRED) == {"messages": [QUESTION]}
    rated = as_record(stored("I cannot help with that.", "down"), kinds.UNPAIRED)
    assert rated is not None
    assert rated["label"] is False
