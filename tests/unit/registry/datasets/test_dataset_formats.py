"""datasets.formats: every format in and out, and what each refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from argosy.api import records as kinds
from argosy.registry.datasets.formats import names
from argosy.registry.datasets.formats.read import detect, fit, read
from argosy.registry.datasets.formats.write import write
from argosy.registry.intake.problems import Problem
from argosy.registry.measuring.chat_template import ChatTemplate
from argosy.registry.measuring.sequences import sequences
from tokenizers import Tokenizer

from tests.fakes import tiny_tokenizer

NEWS = (
    "请根据下面的新闻生成摘要, 内容如下:《立法法》全文公布，“修改后”的条文共一百零五条。"
    "\n生成摘要如下:"
)
ANSWER = {"role": "assistant", "content": "A"}
QUESTION = {"role": "user", "content": "Q"}

# Each format's line, as the platform writes it, and the kind that it is.
SAMPLES: dict[str, tuple[str, Any, str]] = {
    "one turn": (
        names.PROMPT_RESPONSE,
        [{"prompt": NEWS, "response": [["修改后的立法法全文公布"]]}],
        kinds.DIALOGUE,
    ),
    "turns": (
        names.PROMPT_RESPONSE,
        [
            {"prompt": "你知道《夜曲》这首歌吗", "response": [["我知道，是一首流行歌曲。"]]},
            {"prompt": "具体的发行时间你记得吗", "response": [["是在2005年11月1日"]]},
        ],
        kinds.DIALOGUE,
    ),
    "sorted": (
        names.SORTED_RESPONSES,
        [{"prompt": "Q", "response": [["best"], ["second"], ["third"]]}],
        kinds.RANKED,
    ),
    "chosen and rejected": (
        names.CHOSEN_REJECTED,
        [
            {"system": "S", "user": "什么是自动驾驶？", "assistant": "车自己开。"},
            {"user": "会导致这些行业大量失业么？", "chosen": "是的", "rejected": "不是的"},
        ],
        kinds.PREFERENCE,
    ),
    "rejected alone": (
        names.KTO,
        [{"system": "你是一个人工智能助手。", "user": "hello", "rejected": "leave me alone"}],
        kinds.UNPAIRED,
    ),
    "chosen alone": (names.KTO, [{"user": "你好", "chosen": "很高兴认识你"}], kinds.UNPAIRED),
    "prompt set": (names.PROMPT_SET, {"prompt": "写一首诗"}, kinds.PROMPTS),
    "text": (names.TEXT, "从前有座山，山里有座庙。", kinds.TEXT),
    "role": (
        names.ROLE,
        [{"system": "S", "user": "Q1", "assistant": "A1"}, {"user": "Q2", "assistant": "A2"}],
        kinds.DIALOGUE,
    ),
    "prompt and completion": (
        names.PROMPT_COMPLETION,
        {"prompt": "Q", "completion": "A"},
        kinds.DIALOGUE,
    ),
    "prompt, completion and label": (
        names.PROMPT_COMPLETION,
        {"prompt": "一百分！", "completion": "好评", "label": "positive"},
        kinds.DIALOGUE,
    ),
    "prompt and image": (
        names.PROMPT_IMAGE,
        {"annotation": "a ship at sea", "image_path": "0.jpg"},
        kinds.PROMPTS,
    ),
    "prompt, image and response": (
        names.PROMPT_IMAGE_RESPONSE,
        {"prompt": "what is it?", "image_path": "0.jpg", "response": [["a ship"]]},
        kinds.DIALOGUE,
    ),
    "messages": (names.OPENAI, {"messages": [QUESTION, ANSWER]}, kinds.DIALOGUE),
    "preference": (
        names.OPENAI,
        {
            "input": {"messages": [QUESTION]},
            "preferred_output": [ANSWER],
            "non_preferred_output": [{"role": "assistant", "content": "B"}],
        },
        kinds.PREFERENCE,
    ),
    "reinforcement": (
        names.OPENAI,
        {"messages": [QUESTION], "reference_answer": "A"},
        kinds.PROMPTS,
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_p22_each_formats_line_is_read_and_written_back(name: str) -> None:
    fmt, line, kind = SAMPLES[name]
    assert detect(line) == fmt
    reading = read(line)
    assert (reading.kind, reading.answered) == (kind, True)
    assert write(reading.record, kind, fmt, reading.notes) == line


def test_p22_formats_are_known_by_their_other_names_and_codes() -> None:
    assert names.WORDS["DPO_PromptChosenRejected"].name == names.CHOSEN_REJECTED
    assert {w: names.WORDS[w].name for w in ("20/2000", "20/2001", "20/2002", "401/40100")} == {
        "20/2000": names.PROMPT_RESPONSE,
        "20/2001": names.SORTED_RESPONSES,
        "20/2002": names.CHOSEN_REJECTED,
        "401/40100": names.TEXT,
    }
    assert names.WORDS["402/40200"].name == names.PROMPT_SET
    assert names.WORDS["705/70500"].name == names.PROMPT_IMAGE


def test_c03_one_turn_one_answer() -> None:
    reading = read([{"prompt": "Q", "response": [["A"]]}])
    assert reading.record == {"messages": [QUESTION, ANSWER]}


def test_sorted_responses_have_two_spellings_and_the_first_is_written() -> None:
    one = read([{"prompt": "Q", "response": [["best"], ["second"]]}])
    other = read([{"prompt": "Q", "response": [["best", "second"]]}])
    assert one == other
    assert one.record["responses"] == ["best", "second"]
    back = write(other.record, kinds.RANKED, names.SORTED_RESPONSES)
    assert back == [{"prompt": "Q", "response": [["best"], ["second"]]}]


def test_c07_prompt_and_completion_map_to_prompt_and_response() -> None:
    record = read({"prompt": "Q", "completion": "A"}).record
    assert record == read([{"prompt": "Q", "response": [["A"]]}]).record
    back = write(record, kinds.DIALOGUE, names.PROMPT_RESPONSE)
    assert back == [{"prompt": "Q", "response": [["A"]]}]


# One dialogue in every spelling of every format that holds dialogues; one turn where the format
# has no more.
TURNS: list[dict[str, str]] = [
    {"role": "user", "content": "Q1 船"},
    {"role": "assistant", "content": "A1"},
    {"role": "user", "content": "Q2"},
    {"role": "assistant", "content": "A2"},
]
SPELLINGS: dict[str, list[Any]] = {
    names.OPENAI: [{"messages": TURNS}],
    names.PROMPT_RESPONSE: [
        [{"prompt": "Q1 船", "response": [["A1"]]}, {"prompt": "Q2", "response": [["A2"]]}]
    ],
    names.ROLE: [
        TURNS,
        [{"user": "Q1 船", "assistant": "A1"}, {"user": "Q2", "assistant": "A2"}],
    ],
}
ONE_TURN: dict[str, list[Any]] = {
    names.OPENAI: [{"messages": TURNS[:2]}],
    names.PROMPT_RESPONSE: [[{"prompt": "Q1 船", "response": [["A1"]]}]],
    names.ROLE: [TURNS[:2], [{"user": "Q1 船", "assistant": "A1"}]],
    names.PROMPT_COMPLETION: [
        {"prompt": "Q1 船", "completion": "A1"},
        {"prompt": "Q1 船", "response": "A1"},
    ],
}


def tokens(line: Any, folder: Path) -> list[list[int]]:
    """Return what a model is shown of a line: each piece's tokens under its chat template."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    pieces = list(sequences(read(line).record, ChatTemplate.open(folder)))
    return [
        tokenizer.encode(text, add_special_tokens=False).ids for each in pieces for text in each
    ]


@pytest.mark.parametrize("spelt", [SPELLINGS, ONE_TURN], ids=["turns", "one turn"])
def test_c12_the_same_dialogue_in_every_format_is_the_same_tokens(
    spelt: dict[str, list[Any]], tmp_path: Path
) -> None:
    folder = tiny_tokenizer.write(tmp_path)
    seen = [tokens(line, folder) for lines in spelt.values() for line in lines]
    assert len(seen[0]) > 1
    assert all(each == seen[0] for each in seen)
    records = [read(line).record for lines in spelt.values() for line in lines]
    assert all(record == records[0] for record in records)


def test_c12_no_format_of_dialogues_is_left_out() -> None:
    dialogues = {f.name for f in names.FORMATS.values() if kinds.DIALOGUE in f.kinds}
    # That of images asks about a picture, which no other format can say.
    assert set(SPELLINGS) | set(ONE_TURN) == dialogues - {names.PROMPT_IMAGE_RESPONSE}


def test_c35_text_is_unchanged() -> None:
    line = [{"prompt": NEWS + " {[(<tag>)]} \\n “quoted” \t", "response": [["«A»\u3000"]]}]
    record = json.loads(json.dumps(read(line).record, ensure_ascii=False))
    assert record["messages"][0]["content"] == line[0]["prompt"]
    assert write(record, kinds.DIALOGUE, names.PROMPT_RESPONSE) == line


def test_kto_keeps_150_turns_and_the_system() -> None:
    turns: list[dict[str, str]] = [{"user": f"Q{i}", "assistant": f"A{i}"} for i in range(200)]
    turns[0]["system"] = "S"
    reading = read([*turns, {"user": "last", "chosen": "yes"}])
    messages = reading.record["messages"]
    assert messages[0] == {"role": "system", "content": "S"}
    assert messages[-1]["content"] == "last"
    assert sum(m["role"] == "user" for m in messages) <= 150
    assert messages[1]["role"] == "user"


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        (kinds.DIALOGUE, {"messages": [QUESTION]}),
        (kinds.RANKED, {"messages": [QUESTION]}),
        (kinds.UNPAIRED, {"messages": [QUESTION]}),
        (kinds.PREFERENCE, {"input": {"messages": [QUESTION]}}),
    ],
)
def test_a_question_alone_waits_for_the_answer_of_any_kind(kind: str, record: Any) -> None:
    for line in ({"prompt": "Q"}, [{"prompt": "Q"}], {"messages": [QUESTION]}):
        fitted = fit(read(line), kind)
        assert (fitted.record, fitted.answered) == (record, False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ([], "non-empty list"),
        ([{"prompt": "Q", "response": [[1]]}], "[0].response[0][0]: must be a string"),
        ([{"prompt": "Q", "response": [["A"]], "extra": 1}], "[0]: may only have the keys"),
        ([{"prompt": "Q"}, {"prompt": "Q", "response": [["A"]]}], "[0]: has no response"),
        (
            [
                {"prompt": "Q", "response": [["A"], ["B"]]},
                {"prompt": "Q", "response": [["A"]]},
            ],
            "only the last turn may have several answers",
        ),
        ([{"user": "Q", "chosen": "A", "rejected": 3}], "[0].rejected: must be a string"),
        ([{"user": "Q"}, {"user": "Q", "chosen": "A", "rejected": "B"}], "[0]: has no assistant"),
        ([{"user": "Q"}, {"system": "S", "user": "Q", "chosen": "A", "rejected": "B"}], "[0]"),
        ([{"role": "wizard", "content": "x"}], "messages[0].role"),
        ({"prompt": 1, "completion": "A"}, "prompt: must be a string"),
        ({"prompt": "Q", "completion": "A", "system_prompt": "S"}, "may only have the keys"),
        ({"text": ""}, "text: is empty"),
        (7, "must be an object"),
        (None, "must be an object"),
    ],
)
def test_what_no_format_says_is_refused_with_its_place(line: Any, reason: str) -> None:
    with pytest.raises(Problem) as caught:
        read(line)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("record", "kind", "fmt"),
    [
        ({"messages": [QUESTION, QUESTION, ANSWER]}, kinds.DIALOGUE, names.PROMPT_RESPONSE),
        (
            {"messages": [QUESTION, ANSWER], "tools": [{"type": "function"}]},
            kinds.DIALOGUE,
            names.ROLE,
        ),
        ({"messages": [QUESTION, {**ANSWER, "weight": 0}]}, kinds.DIALOGUE, names.ROLE),
        ({"messages": [QUESTION, ANSWER]}, kinds.DIALOGUE, names.KTO),
        ({"messages": [QUESTION, ANSWER, QUESTION]}, kinds.PROMPTS, names.PROMPT_SET),
    ],
)
def test_what_a_format_cannot_say_is_refused(record: Any, kind: str, fmt: str) -> None:
    with pytest.raises(Problem):
        write(record, kind, fmt)
