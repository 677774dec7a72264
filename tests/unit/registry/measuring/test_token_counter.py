"""Tokens of records under a miniature tokenizer: one token a byte and one a chat marker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argosy.registry.measuring.__main__ import count
from argosy.registry.measuring.chat_template import ChatTemplate, Refused
from argosy.registry.measuring.token_counter import (
    Measured,
    NoTokenizer,
    TokenCounter,
    fingerprint,
)

from tests.fakes import tiny_tokenizer

Lengths = Callable[..., list[Measured]]

ASK = {"role": "user", "content": "Hi?"}
# <|im_start|>user\nHi?<|im_end|>\n
ASK_TOKENS = 1 + 5 + 3 + 1 + 1
# <|im_start|>assistant\n
PROMPT_TOKENS = 1 + 10


@pytest.fixture
def lengths(tmp_path: Path) -> Lengths:
    counter = TokenCounter.open(tiny_tokenizer.write(tmp_path))
    return lambda *records: list(counter.lengths(enumerate(records, start=1)))


def answer(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def test_d20_a_length_is_template_prompt_and_answer_with_its_end(lengths: Lengths) -> None:
    # The line break after the last answer's end is nothing to learn.
    tokens = ASK_TOKENS + PROMPT_TOKENS + len("Yes.") + 1
    assert lengths({"messages": [ASK, answer("Yes.")]}) == [Measured(tokens, tokens)]


def test_what_follows_the_last_answer_to_learn_is_left_out(lengths: Lengths) -> None:
    short, long = lengths(
        {"messages": [ASK, answer("Yes.")]},
        {"messages": [ASK, answer("Yes."), ASK, answer("No, never.", weight=0)]},
    )
    assert short == long


def test_a_record_with_several_answers_is_several_sequences(lengths: Lengths) -> None:
    def tokens(text: str) -> int:
        return ASK_TOKENS + PROMPT_TOKENS + len(text) + 1

    preference, ranked, unpaired = lengths(
        {
            "input": {"messages": [ASK]},
            "preferred_output": [answer("Yes.")],
            "non_preferred_output": [answer("No, never.")],
        },
        {"messages": [ASK], "responses": ["a", "bb", "ccc"]},
        {"messages": [ASK], "completion": "Yes.", "label": True},
    )
    assert preference == Measured(tokens("No, never."), tokens("No, never.") + tokens("Yes."))
    assert ranked == Measured(tokens("ccc"), tokens("a") + tokens("bb") + tokens("ccc"))
    assert unpaired == Measured(tokens("Yes."), tokens("Yes."))


def test_prompts_are_what_is_asked_and_texts_end_with_the_end_token(lengths: Lengths) -> None:
    prompt, text = lengths({"messages": [ASK], "reference": "x"}, {"text": "静"})
    assert prompt == Measured(ASK_TOKENS + PROMPT_TOKENS, ASK_TOKENS + PROMPT_TOKENS)
    assert text == Measured(4, 4)


def test_text_parts_count_like_the_text(lengths: Lengths) -> None:
    parts = [{"type": "text", "text": "H"}, {"type": "text", "text": "i?"}]
    plain, cut = lengths(
        {"messages": [ASK, answer("Yes.")]},
        {"messages": [{"role": "user", "content": parts}, answer("Yes.")]},
    )
    assert plain == cut


def test_a_refusal_names_the_line(lengths: Lengths) -> None:
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    with pytest.raises(Refused, match=r"line 2: a message's content must be a string"):
        lengths({"messages": [ASK, answer("Yes.")]}, {"messages": [image, answer("Yes.")]})


def test_a_template_that_rewrites_earlier_turns_is_refused(tmp_path: Path) -> None:
    hides = (
        "{% for m in messages %}{% if m.role == 'user' or loop.last %}{{ m.content }}"
        "<|im_end|>{% endif %}{% endfor %}"
    )
    counter = TokenCounter.open(tiny_tokenizer.write(tmp_path, template=hides))
    record = {"messages": [ASK, answer("a"), ASK, answer("b")]}
    with pytest.raises(Refused, match=r"line 1: .* rewrites earlier turns"):
        list(counter.lengths([(1, record)]))


def test_the_child_counts_lines_and_skips_blank_ones(tmp_path: Path) -> None:
    counter = TokenCounter.open(tiny_tokenizer.write(tmp_path))
    line = json.dumps({"text": "abc"}).encode()
    answer = count(counter, [line, b"\n", json.dumps({"text": "abcd"}).encode(), line])
    assert answer == {"rows": 3, "total": 13, "lengths": [(4, 2), (5, 1)]}
    with pytest.raises(Refused, match="line 3: not a JSON object"):
        count(counter, [line, b"\n", b"nonsense"])


def test_a_model_without_a_template_counts_texts_only(tmp_path: Path) -> None:
    counter = TokenCounter.open(tiny_tokenizer.write(tmp_path, template=""))
    assert list(counter.lengths([(1, {"text": "abc"})])) == [Measured(4, 4)]
    with pytest.raises(Refused, match="no chat template"):
        list(counter.lengths([(1, {"messages": [ASK, answer("Yes.")]})]))


def test_a_folder_without_a_usable_tokenizer_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoTokenizer, match=r"no tokenizer\.json"):
        TokenCounter.open(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(NoTokenizer, match="cannot be read"):
        TokenCounter.open(tmp_path)


def test_the_fingerprint_is_of_all_that_decides(tmp_path: Path) -> None:
    one = fingerprint(tiny_tokenizer.write(tmp_path / "one"))
    same = fingerprint(tiny_tokenizer.write(tmp_path / "two"))
    other = fingerprint(tiny_tokenizer.write(tmp_path / "three", template="{{ messages }}"))
    assert one == same
    assert one != other


def test_templates_use_what_published_ones_use() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'tool' %}{% continue %}{% endif %}"
        "{% generation %}{{ m.content | tojson }}{% endgeneration %}{% endfor %}"
        "{{ tools | tojson(indent=None) }}{{ strftime_now('%Y')[:2] }}{{ eos_token }}"
    )
    template = ChatTemplate({"default": source}, {"eos_token": "</s>"})
    messages = [{"role": "user", "content": "a<b>"}, {"role": "tool", "content": "x"}]
    assert template.render(messages, [{"n": 1}]) == '"a<b>"[{"n": 1}]20</s>'


def test_a_template_cannot_leave_its_sandbox() -> None:
    for source in (
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__.__base__ }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('no') }}",
    ):
        with pytest.raises(Refused):
            ChatTemplate({"default": source}, {}).render([{"role": "user", "content": "x"}])


def test_tools_choose_the_template_that_is_for_them(tmp_path: Path) -> None:
    folder = tiny_tokenizer.write(tmp_path, template="plain")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("with tools")
    template = ChatTemplate.open(folder)
    assert template is not None
    assert template.render([]) == "plain"
    assert template.render([], [{}]) == "with tools"
