"""P23: each operator of cleaning on its own records, with exact counts."""

from __future__ import annotations

import pytest

from tests.unit.registry.operators.records import Record, counts, run, talk, text


def rewritten(name: str, *contents: str) -> list[str]:
    """Return what becomes of texts, those that are dropped left out."""
    remaining, _ = run("clean", name, [text(content) for content in contents])
    return [record["text"] for record in remaining]


def test_p23_remove_emoji() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    records = [
        talk("Hi \U0001f600 there", "Good\U0001f44d\U0001f3fd!"),
        talk("plain © 2024 #1", "C++ → D"),
        talk("only", f"{family}❤️"),
        talk("flag \U0001f1e8\U0001f1f3 key 1️⃣ sun ☀️ dragon \U0001f409", "ok"),
    ]
    remaining, step = run("clean", "remove_emoji", records)
    assert counts(step) == (3, 2, 1)
    assert remaining[0] == talk("Hi  there", "Good!")
    assert remaining[1] is records[1]
    assert remaining[2] == talk("flag  key  sun  dragon ", "ok")


def test_p23_remove_invisible_character() -> None:
    contents = ("a\u200bb\ufeffc\u00ad", "line\n\ttab", "\u200b\u200e", "می\u200cخواهم", "क्\u200dष")
    assert rewritten("remove_invisible_character", *contents) == [
        "abc",
        "line\n\ttab",
        # The third said nothing, and is dropped.
        "می\u200cخواهم",
        "क्\u200dष",
    ]


def test_p23_replace_uniform_whitespace() -> None:
    assert rewritten("replace_uniform_whitespace", "a\u3000b\u00a0c\r\nd\u2028e", "  x  ") == [
        "a b c\nd\ne",
        "  x  ",
    ]


def test_p23_remove_non_meaning_characters() -> None:
    records = [text("好锟斤拷的\ufffd"), text("a\ue000b\u0378"), text("────────"), text("│ a │")]
    remaining, step = run("clean", "remove_non_meaning_characters", records)
    assert counts(step) == (3, 2, 1)
    assert [record["text"] for record in remaining] == ["好的", "ab", "│ a │"]


def test_p23_replace_traditional_chinese_to_simplified() -> None:
    records = [talk("請問這裡賣電腦嗎？", "賣的。"), talk("English", "简体"), text("頭髮和發展")]
    remaining, step = run("clean", "replace_traditional_chinese_to_simplified", records)
    assert counts(step) == (3, 2, 0)
    assert remaining[0] == talk("请问这里卖电脑吗？", "卖的。")
    assert remaining[2] == text("头发和发展")


def test_p23_remove_web_identifiers() -> None:
    contents = (
        '<p class="a">One<br/>two &amp; three</p><script>alert(1)</script>',
        "See https://example.com/a?b=1，then www.example.org/x now",
        "if a < b and c > d: list<int>",
        "<!-- note -->https://example.com",
    )
    assert rewritten("remove_web_identifiers", *contents) == [
        "One\ntwo & three\n",
        "See ，then  now",
        "if a < b and c > d: list<int>",
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(1, 10_000, 3), (2, 10_000, 2), (1, 3, 2), (3, 3, 1)]
)
def test_p23_filter_check_number_words(low: int, high: int, expected: int) -> None:
    records = [text("one"), text("一二三"), text("a b c d"), text("!?")]
    _, step = run(
        "filter", "filter_check_number_words", records,
        number_words_min_cutoff=low, number_words_max_cutoff=high,
    )  # fmt: skip
    assert counts(step) == (expected, 0, 4 - expected)


def test_p23_filter_check_word_repetition_removal() -> None:
    again = text("buy it now my friend " * 40)
    prose = text("The quick brown fox jumps over the lazy dog and runs away from it at once.")
    remaining, step = run("filter", "filter_check_word_repetition_removal", [again, prose])
    assert counts(step) == (1, 0, 1)
    assert remaining == [prose]
    _, step = run(
        "filter", "filter_check_word_repetition_removal", [again, prose],
        word_repetition_max_cutoff=1.0,
    )  # fmt: skip
    assert counts(step) == (2, 0, 0)


def test_p23_filter_check_character_repetition_removal() -> None:
    records = [
        text("哈" * 60),
        text("abcabcabc" * 20),
        text("床前明月光，疑是地上霜。举头望明月，低头思故乡。"),
    ]
    remaining, step = run("filter", "filter_check_character_repetition_removal", records)
    assert counts(step) == (1, 0, 2)
    assert remaining == records[2:]


def test_p23_filter_check_special_characters() -> None:
    records = [
        text("Hello, world!"),
        text("$$$ *** !!! ok"),
        text("你好，世界。"),
        text("数学：1+1=2"),
    ]
    remaining, step = run("filter", "filter_check_special_characters", records)
    assert counts(step) == (3, 0, 1)
    assert records[1] not in remaining


def test_p23_filter_check_flagged_words() -> None:
    records = [
        text("what the fuck"),
        text("色情"),
        text("a classic essay on Scunthorpe"),
        text("好的"),
    ]
    remaining, step = run("filter", "filter_check_flagged_words", records)
    assert counts(step) == (2, 0, 2)
    assert remaining == records[2:]
    _, step = run(
        "filter", "filter_check_flagged_words", records, flagged_words=["Classic Essay"],
        flagged_words_max_cutoff=0.2,
    )  # fmt: skip
    assert counts(step) == (3, 0, 1)


def test_p23_filter_check_lang_id() -> None:
    records = [
        talk("今天天气怎么样？", "今天是晴天，气温二十度。"),
        talk("What is the weather like today?", "It is sunny and warm."),
        talk("Quel temps fait-il aujourd'hui ?", "Il fait beau et chaud aujourd'hui."),
        talk("Привет, как дела?", "Хорошо, спасибо большое."),
        text("42"),
    ]
    remaining, step = run("filter", "filter_check_lang_id", records)
    assert counts(step) == (3, 0, 2)
    # What tells no language stays.
    assert remaining == [records[0], records[1], records[4]]
    _, step = run("filter", "filter_check_lang_id", records, languages=["fr"])
    assert counts(step) == (2, 0, 3)


def test_p23_filter_check_perplexity() -> None:
    records = [
        text("Please tell me how I can return a pair of shoes that are too small."),
        text("请问我上周买的鞋子太小了，应该怎么退货？"),
        text("aGVsbG8gd29ybGQgdGhpcyBpcyBhIGxvbmcgYmFzZTY0IHN0cmluZyB3aXRob3V0IHNlbnNl"),
        text("å¤§å®¶å¥½ï¼Œæˆ‘æ˜¯å°æ˜Ž"),
        text("锟斤拷锟斤拷烫烫烫屯屯屯"),
    ]
    remaining, step = run("filter", "filter_check_perplexity", records)
    assert counts(step) == (2, 0, 3)
    assert remaining == records[:2]


def test_p23_deduplication_simhash() -> None:
    long = (
        "The ferry leaves the harbour at seven in the morning when the fog still hangs over the "
        "water and the lamps along the quay have not yet gone out and most of the people on board "
        "go to work on the island where they read or sleep or look out of the window in silence"
    )
    records = [text(long), text(long + " today"), text(long.upper() + "!"), text("Another thing.")]
    remaining, step = run("deduplication", "deduplication_simhash", records)
    assert counts(step) == (2, 0, 2)
    assert remaining == [records[0], records[3]]
    _, step = run("deduplication", "deduplication_simhash", records, distance=0)
    assert counts(step) == (3, 0, 1)


def marked(name: str, content: str) -> str:
    remaining, step = run("desensitization", name, [text(content)])
    assert step.dropped == 0
    return str(remaining[0]["text"])


def test_p23_replace_emails() -> None:
    assert (
        marked("replace_emails", "写信到a.b+c@mail.example.com或x@y.cn。")
        == "写信到<EMAIL>或<EMAIL>。"
    )
    for no_address in ("a@b", "user@localhost", "@name", "x@@y.cn", "3@4.5"):
        assert marked("replace_emails", no_address) == no_address


def test_p23_replace_ip() -> None:
    assert (
        marked("replace_ip", "from 192.168.0.1, to 255.255.255.255:80") == "from <IP>, to <IP>:80"
    )
    assert (
        marked("replace_ip", "IPv6 2001:db8::1, ::1 and fe80::1%eth0.")
        == "IPv6 <IP>, <IP> and <IP>%eth0."
    )
    for no_address in ("at 10:30:00", "256.1.1.1", "1.2.3", "std::vector", "v1.2.3.4.5", "a::b::c"):
        assert marked("replace_ip", no_address) == no_address


# Numbers made up for tests: their check digits are right, they belong to nobody.
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("身份证11010519491231002X，谢谢", "身份证<ID>，谢谢"),
        ("110105194912310021", "110105194912310021"),
        ("110105194913310028", "110105194913310028"),
        ("SSN 123-45-6789", "SSN <ID>"),
        ("卡号4111 1111 1111 1111", "卡号<CARD>"),
        ("卡号4111111111111112", "卡号4111111111111112"),
        ("电话13800138000或+86 138-0013-8000", "电话<PHONE>或<PHONE>"),
        ("010-12345678, (0755)1234567", "<PHONE>, <PHONE>"),
        ("call +44 20 7946 0958 now", "call <PHONE> now"),
        ("护照E12345678、EA1234567", "护照<PASSPORT>、<PASSPORT>"),
        ("订单202411290001，1+1=2，2024-11-29", "订单202411290001，1+1=2，2024-11-29"),
    ],
)
def test_p23_replace_identifier(content: str, expected: str) -> None:
    assert marked("replace_identifier", content) == expected


def test_private_things_leave_no_trace_in_tool_calls_and_graders_items() -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "mail", "arguments": '{"to": "x@y.cn"}'},
    }
    record: Record = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "mail x@y.cn"}]},
            {"role": "assistant", "tool_calls": [call], "content": None},
        ],
        "reference": {"to": ["x@y.cn"]},
    }
    (marked_record,), step = run("desensitization", "replace_emails", [record])
    assert counts(step) == (1, 1, 0)
    assert "x@y.cn" not in str(marked_record)
    assert "x@y.cn" in str(record)
    assert marked_record["messages"][1]["tool_calls"][0]["function"]["name"] == "mail"
