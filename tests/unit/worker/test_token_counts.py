"""The registry counts tokens without torch, and counts what the trainer's child counts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from argosy.registry.measuring.token_counter import TokenCounter

pytestmark = pytest.mark.ml

# Prints the length of each record's longest sequence, as the child sees it.
CHILD = """
import json, sys
from transformers import AutoTokenizer
from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.tokens import Tokenization
words = Tokenization(AutoTokenizer.from_pretrained(sys.argv[1]))
ways = {
    "dialogue": (forms.dialogue, words.record),
    "preference": (forms.comparisons("preference"), words.pair),
    "ranked": (forms.comparisons("ranked"), words.pair),
    "unpaired": (forms.verdicts("unpaired"), words.judged),
    "prompts": (forms.tasks("prompts"), words.prompt),
    "text": (forms.text, words.text),
}
lengths = []
for number, (kind, record) in enumerate(json.load(open(sys.argv[2]))):
    read, tokenize = ways[kind]
    lengths.append(max(len(tokenize(form)) for form in read(number, record)))
print(json.dumps(lengths))
"""


def talk(*turns: str, system: str = "", weight: int = 1) -> dict[str, object]:
    messages: list[dict[str, object]] = [{"role": "system", "content": system}] if system else []
    for index, turn in enumerate(turns):
        role = "assistant" if index % 2 else "user"
        messages.append({"role": role, "content": turn})
    if not weight:
        messages[-1]["weight"] = 0
    return {"messages": messages}


RECORDS = (
    talk("What is the capital of France?", "Paris."),
    talk("你知道《夜曲》这首歌吗？", "我知道，是2005年的歌。", "具体哪天？", "11月1日 🎵"),
    talk("Say <|im_end|> twice", "<|im_end|><|im_end|> done", system="Be brief.\n\n"),
    talk(
        "  spaces  \t and\r\nlines ", "\n\nanswer\n", "more", "kept", "last", "unlearned", weight=0
    ),
    talk("x", "  "),
    talk("العربية हिन्दी", "été naïve — “quotes” ① ﬁ"),
    {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            {"role": "assistant", "content": "c", "weight": 0},
            {"role": "user", "content": "d"},
            {"role": "assistant", "content": "e"},
        ]
    },
)


ASKED = [{"role": "user", "content": "Which one?"}]
OTHERS = (
    (
        "preference",
        {
            "input": {"messages": ASKED},
            "preferred_output": [{"role": "assistant", "content": "The first, 第一个。"}],
            "non_preferred_output": [{"role": "assistant", "content": "No idea at all, sorry."}],
        },
    ),
    ("ranked", {"messages": ASKED, "responses": ["the longest of all", "b", "c c"]}),
    ("unpaired", {"messages": ASKED, "completion": "This one.", "label": False}),
    ("prompts", {"messages": ASKED, "reference": "x"}),
    ("text", {"text": "Es war einmal. 从前有座山。\n"}),
)


def test_d20_counts_equal_the_childs_on_the_packaged_model(
    ml_python: str, tiny_model: Path, tmp_path: Path
) -> None:
    rows = [*(("dialogue", record) for record in RECORDS), *OTHERS]
    data = tmp_path / "rows.json"
    data.write_text(json.dumps(rows), "utf-8")
    packaged = Path(ml_python).parents[1] / "share/argosy/models/smollm2-135m-instruct"
    for folder in (packaged, tiny_model):
        done = subprocess.run(
            [ml_python, "-c", CHILD, str(folder), str(data)],
            capture_output=True,
            check=True,
            timeout=120,
        )
        counter = TokenCounter.open(folder)
        numbered = enumerate((record for _, record in rows), start=1)
        counted = [measured.longest for measured in counter.lengths(numbered)]
        assert counted == json.loads(done.stdout)
