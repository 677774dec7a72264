"""Kinds of records: what each yields, how one is read as another, and what is refused by line."""

import json

import pytest
from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.conversations import parse_conversation
from argosy.trainer.worker.failures import BadData


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def assistant(content: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, **more}


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ([], "line 9: not a JSON object"),
        ({"messages": []}, "line 9: `messages`"),
        ({"messages": [user("q"), "text"]}, r"messages\[1\] must be an object"),
        ({"messages": [user({"a": 1}), assistant("a")]}, r"messages\[0\].content"),
        ({"messages": [user([{"type": "image_url"}]), assistant("a")]}, r"messages\[0\].content"),
        ({"messages": [assistant("a")]}, "must not be the assistant's"),
        ({"messages": [user("q")]}, "no assistant message"),
        ({"messages": [user("q"), assistant("a", weight=0)]}, "no assistant message"),
        ({"messages": [user("q"), assistant("a", weight=0.5)]}, r"messages\[1\].weight"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(record: object, complaint: str) -> None:
    with pytest.raises(BadData, match=complaint) as caught:
        list(forms.dialogue(9, forms.load(9, json.dumps(record).encode())))
    assert caught.value.message.startswith("line 9: ")


def test_weights_choose_the_answers_and_do_not_reach_the_template() -> None:
    record = {"messages": [user("q"), assistant("a", weight=0), user("r"), assistant("b")]}
    conversation = parse_conversation(1, record)
    assert conversation.trained == {3}
    assert all("weight" not in message for message in conversation.messages)


PAIR = {
    "input": {"messages": [user("q")]},
    "preferred_output": [assistant("good")],
    "non_preferred_output": [assistant("bad")],
}
RANKING = {"messages": [user("q")], "responses": ["best", "second", "third"]}
VERDICT = {"messages": [user("q")], "completion": "a", "label": False}


def answers(comparison: forms.Comparison) -> tuple[str, str]:
    return tuple(each.messages[-1]["content"] for each in (comparison.chosen, comparison.rejected))


def test_of_a_pair_only_the_answers_are_learnt_from() -> None:
    messages = [user("hi"), assistant("hello"), user("q")]
    [pair] = forms.comparisons("preference")(3, PAIR | {"input": {"messages": messages}})
    assert answers(pair) == ("good", "bad")
    assert (pair.chosen.trained, pair.rejected.trained) == ({3}, {3})
    assert pair.line == 3


def test_d43_a_ranking_yields_each_of_its_pairs_the_better_answer_first() -> None:
    pairs = [answers(pair) for pair in forms.comparisons("ranked")(1, RANKING)]
    assert pairs == [("best", "second"), ("best", "third"), ("second", "third")]


def test_a_pair_is_two_verdicts() -> None:
    verdicts = list(forms.verdicts("preference")(1, PAIR))
    assert [(each.answer.messages[-1]["content"], each.good) for each in verdicts] == [
        ("good", True),
        ("bad", False),
    ]
    [single] = forms.verdicts("unpaired")(1, VERDICT)
    assert not single.good


def test_a_dialogue_without_its_last_answer_is_a_task() -> None:
    messages = [user("q"), assistant("a"), user("r"), assistant("b")]
    [task] = forms.tasks("dialogue")(1, {"messages": messages})
    assert [message["content"] for message in task.messages] == ["q", "a", "r"]
    assert task.item["answer"] == "b"


def test_further_keys_of_a_prompt_reach_the_grader() -> None:
    [task] = forms.tasks("prompts")(1, {"messages": [user("q")], "reference": "x"})
    assert task.item["reference"] == "x"


@pytest.mark.parametrize(
    ("read", "record", "complaint"),
    [
        (forms.comparisons("preference"), {"messages": []}, "`input`"),
        (forms.comparisons("preference"), PAIR | {"preferred_output": []}, "`preferred_output`"),
        (
            forms.comparisons("preference"),
            PAIR | {"non_preferred_output": [user("u")]},
            "`non_preferred_output` has no message",
        ),
        (forms.comparisons("ranked"), RANKING | {"responses": ["one"]}, "at least two"),
        (forms.comparisons("ranked"), RANKING | {"responses": ["a", ""]}, r"responses\[1\]"),
        (forms.verdicts("unpaired"), VERDICT | {"label": 1}, "`label`"),
        (forms.verdicts("unpaired"), VERDICT | {"completion": None}, "`completion`"),
        (forms.tasks("prompts"), {"messages": [user("q"), assistant("a")]}, "must not be"),
        (forms.text, {"text": 5}, "`text`"),
    ],
)
def test_every_kind_refuses_its_bad_lines_by_number(
    read: object, record: dict[str, object], complaint: str
) -> None:
    with pytest.raises(BadData, match=complaint) as caught:
        list(read(7, record))  # type: ignore[operator]
    assert caught.value.message.startswith("line 7: ")
